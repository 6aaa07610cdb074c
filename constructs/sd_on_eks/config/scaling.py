"""`extraValues.runtime.scaling`: how KEDA scales a runtime on its queue."""

import zoneinfo
from functools import cache
from typing import Final

from pydantic import Field, field_validator

from sd_on_eks.config.base import ConfigModel
from sd_on_eks.config.values import Cron

_PATIENCE_S: Final = 60
"""How long tasks may wait for a replica that is up: it sets how many tasks go to each."""
_FEWEST_TASKS: Final = 3
_MOST_TASKS: Final = 20


@cache
def _time_zones() -> frozenset[str]:
    # Each call walks the whole database, which takes longer than loading the rest of the configuration.
    return frozenset(zoneinfo.available_timezones())


class Schedule(ConfigModel):
    """A time of warmth: so many replicas at least, whatever the queue says."""

    timezone: str
    """IANA name, such as Europe/Berlin."""

    start: Cron
    """When it begins: minute, hour, day of month, month and day of week, where Sunday is 0. Ranges rise: 22-23,0-6."""

    end: Cron
    """When it ends, in the same form."""

    replicas: int = Field(ge=1, le=1000)
    """Replicas at least."""

    @field_validator("timezone")
    @classmethod
    def _exists(cls, value: str) -> str:
        if value not in _time_zones():
            raise ValueError(f'must be the IANA name of a time zone, such as Europe/Berlin, got "{value[:80]}"')
        return value


class ScaleUp(ConfigModel):
    """How fast replicas are added."""

    stabilization_window_seconds: int = Field(default=0, ge=0, le=3600)
    """How long the queue must have asked for more. At once by default: a node takes minutes anyway."""

    pods: int | None = Field(default=None, ge=1, le=1000)
    """Replicas that are added in one period. By default as many as maxReplicaCount."""

    period_seconds: int = Field(default=15, ge=1, le=1800)
    """Length of a period: as often as the autoscaler looks."""


class ScaleDown(ConfigModel):
    """How fast replicas are taken away."""

    stabilization_window_seconds: int = Field(default=120, ge=0, le=3600)
    """How long the queue must have asked for fewer. Two minutes by default: a node that goes takes minutes to
    come back."""

    pods: int = Field(default=1, ge=1, le=1000)
    """Replicas that are taken away in one period. One at a time by default: each takes a GPU along that may be needed
    again."""

    period_seconds: int = Field(default=60, ge=1, le=1800)
    """Length of a period. A minute by default, so that a queue that empties slowly keeps what it needs."""


class Behavior(ConfigModel):
    """How fast the number of replicas changes: https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#configurable-scaling-behavior."""

    scale_up: ScaleUp = ScaleUp()
    """More."""

    scale_down: ScaleDown = ScaleDown()
    """Fewer."""


class Scaling(ConfigModel):
    """How KEDA scales a runtime on its queue."""

    min_replica_count: int = Field(default=0, ge=0, le=1000)
    """Replicas that stay when the queue is empty. 0 costs no GPU while idle."""

    max_replica_count: int = Field(default=5, ge=1, le=1000)
    """Most replicas, so most GPUs."""

    typical_task: float = Field(default=12, gt=0, le=43_200, allow_inf_nan=False)
    """Seconds that a task usually takes on a GPU; `queueLength` follows from it. 12 is a picture of SDXL on an A10G."""

    queue_length: int | None = Field(default=None, ge=1, le=1000)
    """Tasks in the queue for each replica. By default as many as one replica does in a minute, at least 3 and at most
    20: fewer start GPUs for a moment's work, more let callers wait."""

    polling_interval: int = Field(default=15, ge=1, le=300)
    """Seconds between two looks at the queue while no replica runs."""

    cooldown_period: int = Field(default=300, ge=0, le=86_400)
    """Seconds without a task before the last replica goes: a GPU node takes minutes to come back."""

    behavior: Behavior = Behavior()
    """How fast the number of replicas changes between one and many."""

    schedules: tuple[Schedule, ...] = Field(default=(), max_length=10)
    """Times of warmth, such as office hours. By default none: replicas follow the queue alone."""

    @property
    def tasks_per_replica(self) -> int:
        """Tasks in the queue for each replica: as configured, else derived."""
        derived = min(max(round(_PATIENCE_S / self.typical_task), _FEWEST_TASKS), _MOST_TASKS)
        return derived if self.queue_length is None else self.queue_length
