"""A task that a caller asks for, read and checked, whichever version of the API it came through."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from task_record.message import PayloadRef

from .runtimes import Runtime


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRequest:
    """A checked request.

    Attributes:
        id: the caller's id of the task.
        runtime: who will do it.
        tasktype: kind of the task.
        checkpoint: name of the checkpoint that it runs; `None` for a task that uses none.
        prefix: where results go.
        context: what comes back in the callback.
        inputs: named inputs.
        expires_at_ms: when nobody waits for it any more.
        content: the request body for the runtime.
        content_pointer: RFC 6901, where the content stands in the received body; `None` where it does not, because
            the translation put something into it, or it was uploaded before.
        inputs_pointer: as above, for the named inputs; `None` where there are none.
        answer: makes the API's answer of a submission and the place of the results.
        payload: where the content is, if it was uploaded before; nothing has to be parked then.
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
