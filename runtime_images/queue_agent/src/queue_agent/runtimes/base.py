"""What the agent asks of an inference server.

    task -> prepare (inputs uploaded, body encoded: nothing that needs the GPU) -> infer (the GPU) -> read (outputs)

The three steps are apart so that the GPU never waits: the next task is prepared while this one is inferred, and its
request is on its way before this one's answer is read.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from queue_agent.runtimes.media import Media
from queue_agent.runtimes.output_kind import OutputKind, output_kind
from task_record.runtime_types import RuntimeType

Content = Mapping[str, Any]
"""The body of a request, as the server takes it."""


class ClientSettings(Protocol):
    """What clients are made of, part of the agent's settings.

    Attributes:
        runtime_type: which server runs beside the agent.
        model_filename: the runtime's own checkpoint, which a task runs that names none.
        dynamic_model: whether the runtime switches to the checkpoint that a task names.
        finished_files: list of files that the server needs no more, for the janitor of its disk.
    """

    @property
    def runtime_type(self) -> RuntimeType: ...  # noqa: D102 (see above)
    @property
    def model_filename(self) -> str | None: ...  # noqa: D102
    @property
    def dynamic_model(self) -> bool: ...  # noqa: D102
    @property
    def finished_files(self) -> Path | None: ...  # noqa: D102


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFile:
    """A named input of a workflow, on the agent's disk: it may be too large for memory.

    Attributes:
        file: open for reading; its owner closes it, and with that it is gone.
        size_bytes: its size.
        media: what its first bytes say that it is.
    """

    file: BinaryIO
    size_bytes: int
    media: Media


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeTask:
    """A task, ready to be sent.

    Attributes:
        claim_id: the claim.
        submission: the submission.
        tasktype: its kind.
        content: the request body.
        checkpoint: name of the checkpoint that it runs, as decided at submit; `None` where its message does not say.
        inputs: named inputs of a workflow, for ComfyUI.
    """

    claim_id: str
    submission: str
    tasktype: str
    content: Mapping[str, Any]
    checkpoint: str | None = None
    inputs: Mapping[str, InputFile] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputFile:
    """An output.

    Attributes:
        data: its bytes.
        extension: without the dot.
        content_type: its media type.
        node_id: the node that made it; None where the server has no nodes.
        name: the server's name of the file; None for what the server keeps in no file.
        subfolder: folder of the file, below the server's folder of outputs; None as above.
    """

    data: bytes
    extension: str
    content_type: str
    node_id: str | None = None
    name: str | None = None
    subfolder: str | None = None

    @property
    def kind(self) -> OutputKind:
        """What kind of output it is."""
        return output_kind(extension=self.extension, content_type=self.content_type)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskWarning:
    """Something that a completed task did not do as it was asked.

    Attributes:
        code: one word of the documented list.
        message: what happened, in the server's own words where it has any.
        node_id: where in the workflow; None where the server has no nodes.
    """

    code: str
    message: str
    node_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What a server says of a task that it has done.

    Attributes:
        summary: what goes into the record and the callback: seeds, model, parameters.
        response: the server's whole answer without the outputs' bytes; goes into `.out`.
        warnings: what it did not do as it was asked.
    """

    summary: Mapping[str, Any] = field(default_factory=dict)
    response: Mapping[str, Any] = field(default_factory=dict)
    warnings: Sequence[TaskWarning] = ()


class Outputs(Protocol):
    """What a server made of a task. The GPU is free already."""

    def files(self) -> AsyncIterator[OutputFile]:
        """The outputs, in order, each as soon as it is there. To be read once.

        Raises:
            TaskFailedError: the server failed the task, in its own words.
            RuntimeUnavailableError: the server died before its answer was read.
            GpuFaultError: the GPU or its driver is broken.
        """
        ...

    def description(self) -> Description:
        """What the server says of it; known when all files have been read."""
        ...


class Request(Protocol):
    """A prepared task."""

    async def infer(self, *, before_post: Callable[[], None], on_progress: Callable[[float], None]) -> Outputs:
        """Send it, and wait until the GPU is free again.

        Args:
            before_post: called last thing before the server gets the task; raises to keep it from that.
            on_progress: hears the share that is done, 0 to 1; 0 as soon as the server was sent the request.

        Raises:
            TaskFailedError: the server refused or failed it, in its own words.
            BadTaskError: the server can never run it.
            RuntimeUnavailableError: the server is not there, or died under the task.
            GpuFaultError: the GPU or its driver is broken.
        """
        ...


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

    async def with_inputs(self, content: Content, fetched: Callable[[Content], Awaitable[Content]]) -> Content:
        """The content with the inputs that the server takes inside it; those that it takes as files are not in there.

        Args:
            content: as it was submitted.
            fetched: gives a content with what its links lead to in their place; raises as `prepare`.
        """
        ...

    def prepare(self, task: RuntimeTask) -> AbstractAsyncContextManager[Request]:
        """Do what can be done before the GPU is free. The context ends when the outputs have been read.

        Raises:
            TaskFailedError: the server refused an input, in its own words.
            BadTaskError: the server can never run it.
            RuntimeUnavailableError: the server is not there.
        """
        ...

    def likeness(self, task: RuntimeTask) -> str:
        """A text that is the same for tasks that take about as long: their kind, size, steps, model, batch."""
        ...
