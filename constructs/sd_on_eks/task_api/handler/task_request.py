"""A validated request for a task, the same for both versions of the API."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from task_record.message import PayloadRef

from .runtimes import Runtime


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRequest:
    """A validated request.

    Attributes:
        id: the caller's id of the task.
        checkpoint: name of the checkpoint; `None` for a task that uses none.
        prefix: folder of the output bucket for the results.
        context: JSON value that the callback returns.
        inputs: named inputs: base64 or links.
        expires_at_ms: the task is not started after this time, epoch milliseconds.
        content: the request body for the runtime.
        content_pointer: JSON Pointer (RFC 6901) to the content in the received body; `None` if the content is not in
            it, because it was changed at submit or was uploaded before.
        inputs_pointer: JSON Pointer to the named inputs; `None` if there are none.
        answer: returns the body of the response for a submission id and the location of the results.
        payload: location of the content if it was uploaded before, so that it needs no offloading.
    """

    id: str
    runtime: Runtime
    tasktype: str
    checkpoint: str | None
    prefix: str | None
    context: Any
    inputs: Mapping[str, Any]
    expires_at_ms: int
    content: Mapping[str, Any]
    content_pointer: str | None
    inputs_pointer: str | None
    answer: Callable[[str, str], dict[str, Any]]
    payload: PayloadRef | None = None
