"""The times of the task protocol and the relations that make it safe."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Final, Self

HOUR_S = 3600
DAY_S = 24 * HOUR_S


_CANCELLATION_S: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtocolTimes:
    """Times and limits of the task protocol. The protocol was verified with the default values.

    Attributes:
        clock_error_s: maximum tolerated difference between an agent's clock and the table's clock.
        beat_s: heartbeat period, at which the holder of a task renews the lease and the visibility timeout.
        table_call_timeout_s: timeout of one call to the table.
        interrupt_s: maximum time from an interrupt until the runtime reports that it is idle.
        lease_s: how long a claim is valid without a renewal.
        visibility_s: visibility timeout of a received message.
        max_attempts: maximum number of claims of one task that end with a failed runtime or an expired lease.
        max_receive_count: number of receives after which SQS moves a message to the dead-letter queue.
        max_task_age_s: age at which an unfinished task expires.
        queue_retention_s: message retention period of a queue.
        dead_letter_retention_s: message retention period of a dead-letter queue. SQS counts it from the first send.
        record_ttl_s: how long the table keeps a terminal record.

    Raises:
        ValueError: two times do not fit together; the message names the rule and both values.
    """

    clock_error_s: float = 2
    beat_s: float = 3
    table_call_timeout_s: float = 2
    interrupt_s: float = 4
    lease_s: float = 30
    visibility_s: float = 33
    max_attempts: int = 3
    max_receive_count: int = 100
    max_task_age_s: float = 72 * HOUR_S
    queue_retention_s: float = 4 * DAY_S
    dead_letter_retention_s: float = 14 * DAY_S
    record_ttl_s: float = 30 * DAY_S

    @property
    def deadline_s(self) -> float:
        """Seconds after the send of an acknowledged renewal. By then the holder must have started to interrupt."""
        return self.lease_s - self.interrupt_s

    def __post_init__(self) -> None:
        relations = (
            ("visibility_s", self.visibility_s, "lease_s + clock_error_s", self.lease_s + self.clock_error_s),
            ("lease_s - interrupt_s", self.deadline_s, "2 * beat_s + table_call_timeout_s", self._shortest_deadline_s),
        )
        for larger_name, larger, smaller_name, smaller in relations:
            if larger < smaller:
                raise ValueError(f"{larger_name} must be at least {smaller_name}, got {_both(larger, smaller)}")
        # An agent detects a cancellation at its next heartbeat; the API promises callers that this takes at most 5 s.
        detection_s = self.beat_s + self.table_call_timeout_s
        if detection_s > _CANCELLATION_S:
            raise ValueError(
                f"beat_s + table_call_timeout_s must be at most {_CANCELLATION_S} s, got {detection_s:.10g} s"
            )
        # A message must outlive its task, and its copy in the dead-letter queue must outlive the message.
        ages = (
            ("max_task_age_s", self.max_task_age_s),
            ("queue_retention_s", self.queue_retention_s),
            ("dead_letter_retention_s", self.dead_letter_retention_s),
            ("record_ttl_s", self.record_ttl_s),
        )
        for (shorter_name, shorter), (longer_name, longer) in pairwise(ages):
            if longer <= shorter:
                raise ValueError(f"{longer_name} must be more than {shorter_name}, got {_both(longer, shorter)}")

    @property
    def _shortest_deadline_s(self) -> float:
        # One lost renewal must not lose the task: the next heartbeat can still renew the lease before the deadline.
        return 2 * self.beat_s + self.table_call_timeout_s

    def environment(self) -> dict[str, str]:
        """Environment variables of an agent's container, such as `LEASE_S=30`."""
        return {one.name.upper(): f"{getattr(self, one.name):.15g}" for one in fields(self)}

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read the variables of `environment`. An absent or empty variable has its default.

        Raises:
            ValueError: a variable is not a number, or two times do not fit together; the message names both values.
        """
        values: dict[str, float] = {}
        for one in fields(cls):
            name = one.name.upper()
            text = environment.get(name)
            if not text:
                continue
            try:
                values[one.name] = int(text) if one.type is int else float(text)
            except ValueError as error:
                raise ValueError(f"{name} must be a number, got {text!r}") from error
        return cls(**values)  # type: ignore[arg-type]  # each value has its own field's type


def _both(first_s: float, second_s: float) -> str:
    return f"{first_s:.10g} s and {second_s:.10g} s"
