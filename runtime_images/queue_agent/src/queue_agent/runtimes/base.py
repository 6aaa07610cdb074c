"""The interface of a client of an inference server.

    task -> prepare (inputs uploaded, body encoded: nothing that needs the GPU) -> infer (the GPU) -> read (outputs)

The three steps are separate so that the GPU never waits: the next task is prepared while this one is inferred, and its
request is sent before the response of this one is read.
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
"""A request body in the format of the server."""


class ClientSettings(Protocol):
    """The settings of clients, a part of the agent's settings.

    Attributes:
        runtime_type: type of the inference server.
        model_filename: default checkpoint of the runtime, for tasks that name none.
        dynamic_model: whether the runtime switches to the checkpoint that a task names.
        finished_files: list of files that the janitor can delete.
    """

    @property
    def runtime_type(self) -> RuntimeType: ...  # noqa: D102 (see above)
    @property
    def model_filename(self) -> str | None: ...  # noqa: D102 (see above)
    @property
    def dynamic_model(self) -> bool: ...  # noqa: D102 (see above)
    @property
    def finished_files(self) -> Path | None: ...  # noqa: D102 (see above)


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFile:
    """A named input of a workflow, on the agent's disk, because it may be too large for memory.

    Attributes:
        file: open for reading. Its owner closes it, which deletes it.
        size_bytes: size of the file.
        media: media type, detected from its first bytes.
    """

    file: BinaryIO
    size_bytes: int
    media: Media


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeTask:
    """A task to prepare.

    Attributes:
        claim_id: id of the claim.
        submission: ULID of the submit.
        tasktype: type of the task.
        content: the request body.
        checkpoint: name of the checkpoint, as resolved at submit; `None` if the message has none.
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
        data: content of the output.
        extension: file extension without the dot.
        content_type: media type.
        node_id: id of the node that created it; None if the server has no nodes.
        name: the server's file name; None if the server has no file.
        subfolder: folder of the file, relative to the server's output folder; None if the server has no file.
    """

    data: bytes
    extension: str
    content_type: str
    node_id: str | None = None
    name: str | None = None
    subfolder: str | None = None

    @property
    def kind(self) -> OutputKind:
        """Kind of the output."""
        return output_kind(extension=self.extension, content_type=self.content_type)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskWarning:
    """A part of the request that a completed task did not execute.

    Attributes:
        code: a documented warning code.
        message: what happened, with the server's message if there is one.
        node_id: id of the node; None if the server has no nodes.
    """

    code: str
    message: str
    node_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """The server's description of a completed task.

    Attributes:
        summary: seeds, model and parameters, for the record and the callback.
        response: the server's complete response without the content of the outputs, for `.out`.
        warnings: parts of the request that were not executed.
    """

    summary: Mapping[str, Any] = field(default_factory=dict)
    response: Mapping[str, Any] = field(default_factory=dict)
    warnings: Sequence[TaskWarning] = ()


class Outputs(Protocol):
    """The outputs of a task. The GPU is already free."""

    def files(self) -> AsyncIterator[OutputFile]:
        """Yield the outputs in order, each as soon as it is available. Can be read once.

        Raises:
            TaskFailedError: the server failed the task.
            RuntimeUnavailableError: the server failed before its response was read.
            GpuFaultError: the GPU or its driver failed.
        """
        ...

    def description(self) -> Description:
        """The server's description. Valid after all files have been read."""
        ...


class Request(Protocol):
    """A prepared task."""

    async def infer(self, *, before_post: Callable[[], None], on_progress: Callable[[float], None]) -> Outputs:
        """Send the request, and wait until the GPU is free again.

        Args:
            before_post: called immediately before the request is sent; raises to prevent it.
            on_progress: called with the completed share, 0 to 1; with 0 after the request was sent.

        Raises:
            TaskFailedError: the server rejected or failed the task.
            BadTaskError: the server can never run the task.
            RuntimeUnavailableError: the server is unavailable, or failed during the task.
            GpuFaultError: the GPU or its driver failed.
        """
        ...


class Runtime(Protocol):
    """A client of an inference server that runs one task at a time."""

    async def is_ready(self) -> bool:
        """Whether the server responds and its model is available."""
        ...

    async def interrupt_until_idle(self, timeout_s: float) -> bool:
        """Interrupt running tasks and clear the queue of the server.

        Returns:
            Whether the server was idle before the timeout.
        """
        ...

    async def with_inputs(self, content: Content, fetched: Callable[[Content], Awaitable[Content]]) -> Content:
        """Fetch the inputs in a request body, if the server reads inputs from it. Named inputs are not in it.

        Args:
            content: the submitted request body.
            fetched: replaces the links in a request body by files; raises as `prepare`.
        """
        ...

    def prepare(self, task: RuntimeTask) -> AbstractAsyncContextManager[Request]:
        """Do all work that does not need the GPU. The context ends when the outputs have been read.

        Raises:
            TaskFailedError: the server rejected an input.
            BadTaskError: the server can never run the task.
            RuntimeUnavailableError: the server is unavailable.
        """
        ...

    def duration_key(self, task: RuntimeTask) -> str:
        """A string that is equal for tasks of similar duration: with the same type, size, steps, model and batch."""
        ...
