"""`APIGW`: the HTTP API."""

import ipaddress
from typing import Literal

from pydantic import Field, field_validator

from sd_on_eks.config.base import ConfigModel
from sd_on_eks.config.values import Origin, PlanName, StageName, VpcEndpointId


class Throttle(ConfigModel):
    """Throttling limits of a usage plan: per API key, for all methods together."""

    rate_limit: float = Field(default=30, ge=1, le=10_000, allow_inf_nan=False)
    """Steady-state requests per second. 30 by default, so that one caller cannot fill the queues unnoticed: each submit
    costs GPU time."""

    burst_limit: int = Field(default=50, ge=1, le=10_000)
    """Burst of requests above the rate. 50 by default, so that a caller can send a batch of prompts at once."""


class MethodThrottle(ConfigModel):
    """Throttling limits of each method, for all callers together. They apply in addition to the limits of the keys."""

    rate_limit: float = Field(ge=1, le=10_000, allow_inf_nan=False)
    """Steady-state requests per second."""

    burst_limit: int = Field(ge=1, le=10_000)
    """Burst of requests above the rate."""


class Quota(ConfigModel):
    """Number of requests that a plan's key can send in a period. Status polling counts as well."""

    limit: int = Field(ge=1, le=1_000_000_000)
    """Requests per period."""

    period: Literal["day", "week", "month"]
    """Length of the period."""


class Plan(ConfigModel):
    """An additional API key for a team or a customer, with separate limits."""

    name: PlanName
    """Name of the tenant. Tasks belong to the tenant, not to the API key: they remain accessible when the key is
    replaced, but not when the name changes."""

    throttle: Throttle = Throttle()
    """Limits of this key. The defaults are the same as those of `APIGW.throttle`."""

    quota: Quota | None = None
    """By default, unlimited: the throttle already protects the deployment; a quota divides its capacity among
    tenants."""


class Cors(ConfigModel):
    """CORS: the web pages that can call the API from a browser. Anyone who opens such a page can read its API key."""

    allow_origins: tuple[Origin, ...] = Field(default=(), max_length=10)
    """Allowed origins. By default, none, and CORS is disabled: callers are usually servers, which do not need it."""


class PrivateEndpoint(ConfigModel):
    """A private API endpoint, which is reachable only through VPC endpoints."""

    vpc_endpoint_ids: tuple[VpcEndpointId, ...] = Field(min_length=1, max_length=10)
    """IDs of interface endpoints for the execute-api service. They can belong to other accounts."""


class WebAcl(ConfigModel):
    """An AWS WAF web ACL in front of the API."""

    requests_per_5_minutes: int = Field(ge=10, le=2_000_000_000)
    """Rate limit per IP address in five minutes. AWS WAF blocks further requests before API keys are checked. The
    default throttle of one key allows 9000."""


class Canary(ConfigModel):
    """A canary deployment: a new version of the task API first receives 10% of the requests."""

    minutes: Literal[5, 10, 15, 30] = 5
    """Duration in minutes. Five by default: a defect usually shows within the first requests."""


class ApiGateway(ConfigModel):
    """The REST API that receives tasks: its endpoint, limits and access."""

    stage_name: StageName = "prod"
    """Stage name, which is the last part of the endpoint's path. A change changes the URL of the API."""

    throttle: Throttle = Throttle()
    """These apply to the default API key of the deployment. Additional keys have separate limits in `plans`."""

    method_throttle: MethodThrottle | None = None
    """They protect the backend when many keys are used at once. By default, only the account's limits apply: each key
    has its own limits, and accepted tasks wait in a queue."""

    plans: tuple[Plan, ...] = Field(default=(), max_length=50)
    """By default, none: the deployment has only its default key."""

    tenant_isolation: bool = True
    """Whether each API key can access only its own tasks. On by default, so that tenants cannot read each other's
    tasks. When off, every key can access every task."""

    cors: Cors = Cors()
    """Disabled by default."""

    private_endpoint: PrivateEndpoint | None = None
    """By default, the endpoint is public, and each request needs an API key."""

    source_ip_cidrs: tuple[str, ...] = Field(default=(), max_length=100)
    """IPv4 or IPv6 CIDR blocks that can call the API; with privateEndpoint, private ones. By default, all: each request
    needs an API key."""

    web_acl: WebAcl | None = None
    """It blocks IP addresses that send too many requests. By default, none: a web ACL costs about 6 USD per month even
    without traffic, and API Gateway already rejects requests without a key. The local stack's emulator does not
    support it."""

    canary: Canary | None = None
    """It is rolled back automatically if the API returns 5xx errors in that time. By default, a new version receives
    all requests at once, which makes a deployment minutes faster. The local stack's emulator does not support
    canaries."""

    cloud_watch_role: bool = True
    """Create the account's CloudWatch Logs role for API Gateway. On by default: a new account does not have this role,
    and API Gateway then rejects a stage with logging. Set it to false if the account already has the role."""

    @field_validator("source_ip_cidrs")
    @classmethod
    def _are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for cidr in value:
            try:
                ipaddress.ip_network(cidr)
            except ValueError as error:
                raise ValueError(f"must be CIDR blocks such as 203.0.113.0/24 or 2001:db8::/32: {error}") from error
        return value
