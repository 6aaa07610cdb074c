"""`taskProtocol`: times and limits of the task protocol."""

import math
from typing import Final

from pydantic import Field

from sd_on_eks.config.base import ConfigModel
from task_record.protocol_times import DAY_S, HOUR_S, ProtocolTimes

_DEFAULTS: Final = ProtocolTimes()


class TaskProtocol(ConfigModel):
    """Times and limits of the task protocol. The defaults are those that it was checked with; they fit most."""

    clock_error: float = Field(default=_DEFAULTS.clock_error_s, gt=0, le=60, allow_inf_nan=False)
    """Seconds that the clocks of a node and of the task table may differ. AWS's time service keeps them within
    milliseconds."""

    beat: float = Field(default=_DEFAULTS.beat_s, ge=0.1, le=60, allow_inf_nan=False)
    """Seconds between two renewals of a lease. A cancel reaches a GPU within a beat and a call to the table."""

    table_call_timeout: float = Field(default=_DEFAULTS.table_call_timeout_s, ge=0.1, le=60, allow_inf_nan=False)
    """Seconds after which a call to the task table counts as lost."""

    interrupt: float = Field(default=_DEFAULTS.interrupt_s, ge=0.1, le=600, allow_inf_nan=False)
    """Seconds that a runtime may take to stop when it is interrupted: a step of the sampler, and some."""

    lease: float = Field(default=_DEFAULTS.lease_s, ge=1, le=3600, allow_inf_nan=False)
    """Seconds that a claim holds without a renewal; after them another agent takes the task of one that died."""

    visibility: float = Field(default=_DEFAULTS.visibility_s, ge=1, le=43_200, allow_inf_nan=False)
    """Seconds that a received message stays invisible without a renewal: longer than the lease."""

    max_attempts: int = Field(default=_DEFAULTS.max_attempts, ge=1, le=20)
    """Starts of one task that may end with a dead runtime, before it fails."""

    max_receive_count: int = Field(default=_DEFAULTS.max_receive_count, ge=10, le=1000)
    """Receives after which a message moves to the dead-letter queue. Many, because refused claims count: it is a net
    for messages that no agent can handle."""

    max_task_age_hours: float = Field(default=_DEFAULTS.max_task_age_s / HOUR_S, ge=0.1, le=300, allow_inf_nan=False)
    """Hours after which an unfinished task expires."""

    queue_retention_days: float = Field(default=_DEFAULTS.queue_retention_s / DAY_S, gt=0, le=14, allow_inf_nan=False)
    """Days that a queue keeps a message."""

    dead_letter_retention_days: float = Field(
        default=_DEFAULTS.dead_letter_retention_s / DAY_S, gt=0, le=14, allow_inf_nan=False
    )
    """Days that a dead-letter queue keeps a message, counted from when it was first sent. 14, the most that SQS
    offers."""

    record_ttl_days: float = Field(default=_DEFAULTS.record_ttl_s / DAY_S, ge=15, le=3650, allow_inf_nan=False)
    """Days that the record of a finished task is kept."""

    @property
    def times(self) -> ProtocolTimes:
        """The same for the code that follows the protocol.

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
