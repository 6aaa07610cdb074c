"""What can go wrong with a task, and how each case ends.

AgentError
  BadTaskError               W7 failed, delete           the message can never be run
  TaskFailedError            W5 failed, delete           the runtime says so, in its own words
    StalledError             W5 failed, delete           no progress, or over the longest task
  RuntimeUnavailableError    W4, visibility 0            the runtime died under the task, or never took it
    GpuFaultError            W4, visibility 0, restart   the GPU or its driver is broken
    RuntimeHungError         W4, visibility 0, restart   it answers, but begins nothing any more
    RuntimeBusyError         W4, visibility 0, pause     it takes no further request for a while
  ClaimLostError             drop                        another's claim, a terminal record, or the deadline
  ShutdownError              W4, visibility 0            SIGTERM: given back
  AwsError                   tried again, then by place  AWS said no
    AwsUnreachableError                                  AWS did not answer
"""

from collections.abc import Mapping
from typing import Any


class AgentError(Exception):
    """Base of the agent's errors."""


class BadTaskError(AgentError):
    """A task that can never be run.

    Attributes:
        code: one word of the documented list.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class TaskFailedError(AgentError):
    """The runtime failed the task.

    Attributes:
        code: one word of the documented list.
        details: JSON values from the runtime, such as the node that failed.
    """

    def __init__(self, code: str, message: str, **details: Any) -> None:  # noqa: ANN401 (any JSON value)
        super().__init__(message)
        self.code = code
        self.details = details


class StalledError(TaskFailedError):
    """The runtime made no progress, or took longer than any task may."""


class RuntimeUnavailableError(AgentError):
    """The runtime is not there.

    Attributes:
        accepted: whether it had taken the task, which then counts as an attempt.
    """

    def __init__(self, message: str, *, accepted: bool) -> None:
        super().__init__(message)
        self.accepted = accepted


class GpuFaultError(RuntimeUnavailableError):
    """The GPU or its driver is broken (a CUDA or Xid error): no task can be done before the runtime is restarted."""

    def __init__(self, message: str) -> None:
        super().__init__(message, accepted=True)


class RuntimeHungError(RuntimeUnavailableError):
    """The runtime answers, but begins nothing any more: no task can be done before it is restarted."""

    def __init__(self, message: str) -> None:
        super().__init__(message, accepted=True)


class RuntimeBusyError(RuntimeUnavailableError):
    """The runtime answers 429: it takes no further request for a while. That is no failure, and no attempt.

    Attributes:
        retry_after_s: when to ask again.
    """

    def __init__(self, *, retry_after_s: float) -> None:
        super().__init__("the runtime answers 429: too many requests", accepted=False)
        self.retry_after_s = retry_after_s


class ClaimLostError(AgentError):
    """The task is no longer this agent's.

    Attributes:
        record_is_terminal: whether it has ended, so that its message can go.
        may_release: whether the record may still be under this claim: the deadline passed without an answer.
    """

    def __init__(self, message: str, *, record_is_terminal: bool, may_release: bool) -> None:
        super().__init__(message)
        self.record_is_terminal = record_is_terminal
        self.may_release = may_release


class ShutdownError(AgentError):
    """The agent is told to stop, and this task is given back."""


class AwsError(AgentError):
    """AWS answered with an error.

    Attributes:
        code: its error code.
        status: HTTP status.
        answer: the error's JSON body, where it has one.
    """

    def __init__(self, code: str, message: str, *, status: int, answer: Mapping[str, Any] | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.status = status
        self.answer = answer or {}


class AwsUnreachableError(AwsError):
    """AWS did not answer: it may or may not have done what was asked."""

    def __init__(self, message: str) -> None:
        super().__init__("Unreachable", message, status=0)
