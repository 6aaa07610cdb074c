"""`extraValues.runtime.scaling`: how KEDA scales a runtime on its queue."""

import zoneinfo
from functools import cache
from typing import Final

from pydantic import Field, field_validator

from sd_on_eks.config.base import ConfigModel
from sd_on_eks.config.values import Cron

_PATIENCE_S: Final = 60
"""Target wait time of a task when replicas are running; sets the number of tasks per replica."""
_FEWEST_TASKS: Final = 3
_MOST_TASKS: Final = 20


@cache
def _time_zones() -> frozenset[str]:
    # Each call reads the whole time zone database, which takes longer than loading the rest of the configuration.
    return frozenset(zoneinfo.available_timezones())


class Schedule(ConfigModel):
    """A period of warm capacity with a minimum number of replicas, independent of the queue."""

    timezone: str
    """IANA time zone name, such as Europe/Berlin."""

    start: Cron
    """Start of the period: minute, hour, day of month, month and day of week (Sunday is 0). Ranges must be ascending:
    write 22-23,0-6."""

    end: Cron
    """End of the period, in the same format."""

    replicas: int = Field(ge=1, le=1000)
    """Minimum number of replicas in the period."""

    @field_validator("timezone")
    @classmethod
    def _exists(cls, value: str) -> str:
        if value not in _time_zones():
            raise ValueError(f'must be the IANA name of a time zone, such as Europe/Berlin, got "{value[:80]}"')
        return value


class ScaleUp(ConfigModel):
    """How fast replicas are added."""

    stabilization_window_seconds: int = Field(default=0, ge=0, le=3600)
    """How long the queue must require more replicas before they are added. 0 by default: a node already takes minutes
    to start."""

    pods: int | None = Field(default=None, ge=1, le=1000)
    """Maximum number of replicas added per period. By default, `maxReplicaCount`."""

    period_seconds: int = Field(default=15, ge=1, le=1800)
    """Length of the period. 15 by default, the evaluation interval of the HorizontalPodAutoscaler."""


class ScaleDown(ConfigModel):
    """How fast replicas are removed."""

    stabilization_window_seconds: int = Field(default=120, ge=0, le=3600)
    """How long the queue must require fewer replicas before they are removed. Two minutes by default: a removed node
    takes minutes to replace."""

    pods: int = Field(default=1, ge=1, le=1000)
    """Maximum number of replicas removed per period. One by default: each removal also releases a GPU that may soon be
    needed again."""

    period_seconds: int = Field(default=60, ge=1, le=1800)
    """Length of the period. One minute by default, so that a slowly draining queue keeps the replicas that it needs."""


class Behavior(ConfigModel):
    """How fast the number of replicas changes: https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#configurable-scaling-behavior."""

    scale_up: ScaleUp = ScaleUp()
    """Scale-up."""

    scale_down: ScaleDown = ScaleDown()
    """Scale-down."""


class Scaling(ConfigModel):
    """How KEDA scales the runtime based on its queue."""

    min_replica_count: int = Field(default=0, ge=0, le=1000)
    """Minimum number of replicas. 0 by default: no GPU cost while the queue is empty."""

    max_replica_count: int = Field(default=5, ge=1, le=1000)
    """Maximum number of replicas, and thus of GPUs."""

    typical_task: float = Field(default=12, gt=0, le=43_200, allow_inf_nan=False)
    """Seconds that a task typically takes on a GPU; the default of `queueLength` is derived from it. 12 by default, an
    SDXL image on an A10G."""

    queue_length: int | None = Field(default=None, ge=1, le=1000)
    """Target number of tasks in the queue per replica. By default, the number that one replica completes in a minute, 3
    to 20: a lower value starts GPUs for short peaks, a higher value makes callers wait longer."""

    polling_interval: int = Field(default=15, ge=1, le=300)
    """Seconds between two polls of the queue while no replica runs."""

    cooldown_period: int = Field(default=300, ge=0, le=86_400)
    """Seconds without a task before the last replica is removed. 300 by default: a new GPU node takes minutes to
    start."""

    behavior: Behavior = Behavior()
    """It applies while at least one replica runs."""

    schedules: tuple[Schedule, ...] = Field(default=(), max_length=10)
    """Use it for office hours, for example. By default, none: replicas depend only on the queue."""

    @property
    def tasks_per_replica(self) -> int:
        """Tasks in the queue per replica: `queue_length`, or else derived from `typical_task`."""
        derived = min(max(round(_PATIENCE_S / self.typical_task), _FEWEST_TASKS), _MOST_TASKS)
        return derived if self.queue_length is None else self.queue_length
