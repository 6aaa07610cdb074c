"""`taskProtocol`: times and limits of the task protocol."""

import math
from typing import Final

from pydantic import Field

from sd_on_eks.config.base import ConfigModel
from task_record.protocol_times import DAY_S, HOUR_S, ProtocolTimes

_DEFAULTS: Final = ProtocolTimes()


class TaskProtocol(ConfigModel):
    """Times and limits of the task protocol. The protocol was verified with the defaults; they fit most deployments."""

    clock_error: float = Field(default=_DEFAULTS.clock_error_s, gt=0, le=60, allow_inf_nan=False)
    """Maximum clock difference in seconds between a node and the task table. The Amazon Time Sync Service keeps it
    within milliseconds."""

    beat: float = Field(default=_DEFAULTS.beat_s, ge=0.1, le=60, allow_inf_nan=False)
    """Heartbeat interval: seconds between two renewals of a lease. A cancellation reaches the GPU within one interval
    plus one call to the task table."""

    table_call_timeout: float = Field(default=_DEFAULTS.table_call_timeout_s, ge=0.1, le=60, allow_inf_nan=False)
    """Timeout in seconds of a call to the task table."""

    interrupt: float = Field(default=_DEFAULTS.interrupt_s, ge=0.1, le=600, allow_inf_nan=False)
    """Seconds that a runtime can take to stop when it is interrupted: slightly more than one step of the sampler."""

    lease: float = Field(default=_DEFAULTS.lease_s, ge=1, le=3600, allow_inf_nan=False)
    """Seconds that a claim is valid without a renewal. After that, another agent can claim the task."""

    visibility: float = Field(default=_DEFAULTS.visibility_s, ge=1, le=43_200, allow_inf_nan=False)
    """SQS visibility timeout: seconds that a received message stays invisible without a renewal. It must be longer than
    the lease."""

    max_attempts: int = Field(default=_DEFAULTS.max_attempts, ge=1, le=20)
    """Number of attempts of a task that can end because the runtime failed, before the task fails."""

    max_receive_count: int = Field(default=_DEFAULTS.max_receive_count, ge=10, le=1000)
    """Number of receives after which a message is moved to the dead-letter queue. The default is high because rejected
    claims count as well: it is a safety net for messages that no agent can process."""

    max_task_age_hours: float = Field(default=_DEFAULTS.max_task_age_s / HOUR_S, ge=0.1, le=300, allow_inf_nan=False)
    """Hours after which an unfinished task expires."""

    queue_retention_days: float = Field(default=_DEFAULTS.queue_retention_s / DAY_S, gt=0, le=14, allow_inf_nan=False)
    """Message retention period of the queues, in days."""

    dead_letter_retention_days: float = Field(
        default=_DEFAULTS.dead_letter_retention_s / DAY_S, gt=0, le=14, allow_inf_nan=False
    )
    """Message retention period of the dead-letter queues, in days, counted from when the message was first sent. 14 by
    default, the SQS maximum."""

    record_ttl_days: float = Field(default=_DEFAULTS.record_ttl_s / DAY_S, ge=15, le=3650, allow_inf_nan=False)
    """Days that the record of a finished task is kept in the task table."""

    @property
    def times(self) -> ProtocolTimes:
        """The same in the type that all parts of the task protocol use.

        Raises:
            ValueError: a relation between the times does not hold.
        """
        return ProtocolTimes(
            clock_error_s=self.clock_error,
            beat_s=self.beat,
            table_call_timeout_s=self.table_call_timeout,
            interrupt_s=self.interrupt,
            lease_s=self.lease,
            # SQS counts whole seconds.
            visibility_s=math.ceil(self.visibility),
            max_attempts=self.max_attempts,
            max_receive_count=self.max_receive_count,
            max_task_age_s=self.max_task_age_hours * HOUR_S,
            queue_retention_s=math.ceil(self.queue_retention_days * DAY_S),
            dead_letter_retention_s=math.ceil(self.dead_letter_retention_days * DAY_S),
            record_ttl_s=self.record_ttl_days * DAY_S,
        )
