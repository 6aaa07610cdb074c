"""The error types, and how each one ends a task.

AgentError
  BadTaskError               finish or give up, delete          no runtime can ever run the task
  TaskFailedError            finish as failed, delete           the runtime reports a failure
    StalledError             finish as failed, delete           no progress, or longer than the longest task
  RuntimeUnavailableError    release, visibility 0              the runtime failed during the task, or before it
    GpuFaultError            release, visibility 0, restart     the GPU or its driver failed
    RuntimeHungError         release, visibility 0, restart     the runtime responds, but starts no prompt
    RuntimeBusyError         release, visibility 0, pause       the runtime responds with 429
  ClaimLostError             drop                               another claim, a terminal record, or the deadline
  ShutdownError              release, visibility 0              SIGTERM
  AwsError                   retry, then depends on the caller  AWS returned an error
    AwsUnreachableError                                         AWS did not respond
"""

from collections.abc import Mapping
from typing import Any


class AgentError(Exception):
    """Base of the agent's errors."""


class BadTaskError(AgentError):
    """A task that no runtime can ever run.

    Attributes:
        code: a documented error code.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class TaskFailedError(AgentError):
    """The runtime failed the task.

    Attributes:
        code: a documented error code.
        details: JSON values from the runtime, such as the failed node.
    """

    def __init__(self, code: str, message: str, **details: Any) -> None:  # noqa: ANN401 (any JSON value)
        super().__init__(message)
        self.code = code
        self.details = details


class StalledError(TaskFailedError):
    """The runtime made no progress, or took longer than the longest task."""


class RuntimeUnavailableError(AgentError):
    """The runtime is unavailable.

    Attributes:
        accepted: whether it had accepted the task. Then the claim counts as an attempt.
    """

    def __init__(self, message: str, *, accepted: bool) -> None:
        super().__init__(message)
        self.accepted = accepted


class GpuFaultError(RuntimeUnavailableError):
    """The GPU or its driver failed (a CUDA or Xid error): the runtime must be restarted before it can run a task."""

    def __init__(self, message: str) -> None:
        super().__init__(message, accepted=True)


class RuntimeHungError(RuntimeUnavailableError):
    """The runtime responds, but starts no prompt: it must be restarted before it can run a task."""

    def __init__(self, message: str) -> None:
        super().__init__(message, accepted=True)


class RuntimeBusyError(RuntimeUnavailableError):
    """The runtime responds with 429: it accepts no request for a while. This does not count as an attempt.

    Attributes:
        retry_after_s: time until the next request.
    """

    def __init__(self, *, retry_after_s: float) -> None:
        super().__init__("the runtime responded with 429: too many requests", accepted=False)
        self.retry_after_s = retry_after_s


class ClaimLostError(AgentError):
    """This agent no longer holds the task.

    Attributes:
        record_is_terminal: whether the task is terminal, so that its message can be deleted.
        may_release: whether the record may still have this claim: the deadline passed without a response.
    """

    def __init__(self, message: str, *, record_is_terminal: bool, may_release: bool) -> None:
        super().__init__(message)
        self.record_is_terminal = record_is_terminal
        self.may_release = may_release


class ShutdownError(AgentError):
    """The agent is stopping, and this task is released."""


class AwsError(AgentError):
    """AWS returned an error.

    Attributes:
        code: error code of AWS.
        status: HTTP status.
        answer: JSON body of the error, if it has one.
    """

    def __init__(self, code: str, message: str, *, status: int, answer: Mapping[str, Any] | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.status = status
        self.answer = answer or {}


class AwsUnreachableError(AwsError):
    """AWS did not respond. It may or may not have executed the request."""

    def __init__(self, message: str) -> None:
        super().__init__("Unreachable", message, status=0)
