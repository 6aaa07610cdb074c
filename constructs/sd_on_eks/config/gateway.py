"""`APIGW`: the HTTP API."""

import ipaddress
from typing import Literal

from pydantic import Field, field_validator

from sd_on_eks.config.base import ConfigModel
from sd_on_eks.config.values import Origin, PlanName, StageName, VpcEndpointId


class Throttle(ConfigModel):
    """Throttle of the usage plan: per API key, over all methods."""

    rate_limit: float = Field(default=30, ge=1, le=10_000, allow_inf_nan=False)
    """Requests a second. 30 keeps one caller from filling the queues unnoticed; submits cost a GPU's time each."""

    burst_limit: int = Field(default=50, ge=1, le=10_000)
    """Requests at once, beyond the rate. 50 lets a batch of prompts be sent in one go."""


class MethodThrottle(ConfigModel):
    """Limits of each method, for all callers together, whatever their keys allow."""

    rate_limit: float = Field(ge=1, le=10_000, allow_inf_nan=False)
    """Requests a second."""

    burst_limit: int = Field(ge=1, le=10_000)
    """Requests at once, beyond the rate."""


class Quota(ConfigModel):
    """How many requests of a plan's key are taken in a period. What a caller polls with counts, too."""

    limit: int = Field(ge=1, le=1_000_000_000)
    """Requests in a period."""

    period: Literal["day", "week", "month"]
    """Length of a period."""


class Plan(ConfigModel):
    """A further API key, for a team or a customer, with limits of its own."""

    name: PlanName
    """Name of the tenant. The tasks belong to it, not to the key, so that they survive a change of the key; a change of
    the name leaves them behind."""

    throttle: Throttle = Throttle()
    """Limits of its key. By default those that the deployment's own key has by default."""

    quota: Quota | None = None
    """Most requests of its key. By default any number: the throttle protects the deployment, a quota divides it."""


class Cors(ConfigModel):
    """Which web pages may call the API from a browser. A key in a web page is known to whoever opens it."""

    allow_origins: tuple[Origin, ...] = Field(default=(), max_length=10)
    """Origins of those pages. By default none, and CORS is off: callers are servers, which do not ask."""


class PrivateEndpoint(ConfigModel):
    """An endpoint that is reached through VPC endpoints alone."""

    vpc_endpoint_ids: tuple[VpcEndpointId, ...] = Field(min_length=1, max_length=10)
    """Interface endpoints of the service execute-api. They may be other accounts'."""


class WebAcl(ConfigModel):
    """An AWS WAF web ACL in front of the API."""

    requests_per_5_minutes: int = Field(ge=10, le=2_000_000_000)
    """Requests of one address in five minutes; what is more is refused, before keys are looked at. 9000 is what the
    default throttle of one key allows."""


class Canary(ConfigModel):
    """A new version of the task API gets a tenth of the requests first."""

    minutes: Literal[5, 10, 15, 30] = 5
    """How long. Five minutes by default: what is broken shows within the first requests."""


class ApiGateway(ConfigModel):
    """The REST API that tasks are submitted to."""

    stage_name: StageName = "prod"
    """Last part of the endpoint's path. A change gives the API another URL."""

    throttle: Throttle = Throttle()
    """Limits of the deployment's own API key. Further keys have their own, in `plans`."""

    method_throttle: MethodThrottle | None = None
    """Protects what lies behind the API from many keys at once. By default there are no such limits but the account's:
    each key has its own, and what is accepted only waits in a queue."""

    plans: tuple[Plan, ...] = Field(default=(), max_length=50)
    """Further keys, by the name of whom they are for. By default none: the deployment's own key is there."""

    tenant_isolation: bool = True
    """Let each API key see its own tasks only. Off: every key sees every task."""

    cors: Cors = Cors()
    """Calls from web pages. Off by default."""

    private_endpoint: PrivateEndpoint | None = None
    """By default the endpoint is public, and answers to those with a key alone."""

    source_ip_cidrs: tuple[str, ...] = Field(default=(), max_length=100)
    """Networks that the API answers to, IPv4 or IPv6; private ones with privateEndpoint. By default any: whoever calls
    needs a key anyway."""

    web_acl: WebAcl | None = None
    """It refuses addresses that send too much. By default there is none: it costs about 6 dollars a month, used or not,
    and what has no key gets no further than the gateway. The emulator of the local stack takes none."""

    canary: Canary | None = None
    """It is taken back by itself when the API answers 5xx meanwhile. By default a new version gets all requests at
    once, and a deployment is minutes faster. The emulator of the local stack takes no canary."""

    cloud_watch_role: bool = True
    """Make the account's logging role for API Gateway, without which a fresh account refuses a stage that logs. Switch
    off where the account has one already."""

    @field_validator("source_ip_cidrs")
    @classmethod
    def _are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for cidr in value:
            try:
                ipaddress.ip_network(cidr)
            except ValueError as error:
                raise ValueError(f"must be networks such as 203.0.113.0/24 or 2001:db8::/32: {error}") from error
        return value
