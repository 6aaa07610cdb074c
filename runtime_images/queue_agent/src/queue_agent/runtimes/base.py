"""What the agent asks of an inference server."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeTask:
    """A task, ready to be sent.

    Attributes:
        claim_id: the claim.
        submission: the submission.
        tasktype: its kind.
        content: the request body.
    """

    claim_id: str
    submission: str
    tasktype: str
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputFile:
    """An output.

    Attributes:
        data: its bytes.
        extension: without the dot.
        content_type: its media type.
    """

    data: bytes
    extension: str
    content_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a server made of a task.

    Attributes:
        files: the outputs, in order.
        summary: what goes into the record and the callback: seeds, model, parameters.
        response: the server's whole answer without the outputs' bytes; goes into `.out`.
    """

    files: tuple[OutputFile, ...]
    summary: Mapping[str, Any] = field(default_factory=dict)
    response: Mapping[str, Any] = field(default_factory=dict)


class Runtime(Protocol):
    """An inference server, one task at a time."""

    async def is_ready(self) -> bool:
        """Whether it answers and its model is there."""
        ...

    async def interrupt_until_idle(self, timeout_s: float) -> bool:
        """Stop whatever runs or waits there.

        Returns:
            Whether it was seen idle in time.
        """
        ...

    async def run(
        self, task: RuntimeTask, *, before_post: Callable[[], None], on_progress: Callable[[float], None]
    ) -> Answer:
        """Run a task.

        Args:
            task: what to run.
            before_post: called last thing before the server gets the task; raises to keep it from that.
            on_progress: hears the share that is done, 0 to 1.

        Raises:
            TaskFailedError: the server failed it, in its own words.
            BadTaskError: the server can never run it.
            RuntimeUnavailableError: the server is not there, or died under the task.
        """
        ...
