"""The states of a task."""

from enum import StrEnum


class Status(StrEnum):
    """State of a task: `queued -> running -> queued (released) ...`, then exactly one terminal state."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        """Whether the state is final: no write changes a terminal record."""
        return self in TERMINAL


TERMINAL = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED})
