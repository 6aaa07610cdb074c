"""`APIGW`: the HTTP API."""

from pydantic import Field

from sd_on_eks.config.model import ConfigModel
from sd_on_eks.config.values import StageName


class Throttle(ConfigModel):
    """Throttle of the usage plan: per API key, over all methods."""

    rate_limit: float = Field(default=30, ge=1, le=10_000, allow_inf_nan=False)
    """Requests a second. 30 keeps one caller from filling the queues unnoticed; submits cost a GPU's time each."""

    burst_limit: int = Field(default=50, ge=1, le=10_000)
    """Requests at once, beyond the rate. 50 lets a batch of prompts be sent in one go."""


class ApiGateway(ConfigModel):
    """The REST API that tasks are submitted to."""

    stage_name: StageName = "prod"
    """Last part of the endpoint's path. A change gives the API another URL."""

    throttle: Throttle = Throttle()
    """Limits of each API key."""

    cloud_watch_role: bool = True
    """Make the account's logging role for API Gateway, without which a fresh account refuses a stage that logs. Switch
    off where the account has one already."""

    tenant_isolation: bool = True
    """Let each API key see its own tasks only. Off: every key sees every task."""
