"""`POST /v1alpha2`: `{"task": {"metadata": {...}, "content": {...}}}`."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from task_record.message import PayloadRef

from . import request_schema
from .body import Body, NotJsonError, decoded, not_json, read_json
from .checkpoint import decided
from .content_rules import check_content, check_named_inputs
from .fields import check_context, expiry_ms
from .inputs import Inputs
from .runtimes import Runtimes, check_tasktype
from .task_request import TaskRequest

if TYPE_CHECKING:
    from .uploads import Uploads

_METADATA: Final = "task.metadata"
_CONTENT: Final = ".task.content"
_CONTENT_REF: Final = "task.content_ref"


def read_v1alpha2(
    body: Body, runtimes: Runtimes, *, uploads: "Uploads", owner: str, inputs: Inputs, now_ms: int, max_age_s: int
) -> TaskRequest:
    """Read a request.

    Args:
        body: the request body.
        runtimes: the runtimes of this deployment.
        uploads: reads the content if it was uploaded before.
        owner: the caller.
        inputs: checks images and other inputs.
        now_ms: the current time, epoch milliseconds.
        max_age_s: age at which an unfinished task expires.

    Raises:
        ApiError: the request is invalid, or the uploaded content cannot be read.
    """
    request_schema.task_envelope(body.value, "")
    task = body.value["task"]
    metadata = task["metadata"]
    runtime = runtimes.accepting(metadata["runtime"], f"{_METADATA}.runtime")
    check_tasktype(metadata["tasktype"], runtime, f"{_METADATA}.tasktype")
    context = metadata.get("context")
    check_context(context, f"{_METADATA}.context")
    expires_at_ms = expiry_ms(metadata.get("expires_at"), f"{_METADATA}.expires_at", now_ms=now_ms, max_age_s=max_age_s)
    content = _content(task, uploads, owner)
    # Uploaded content has the same paths in error messages as content of the request.
    check_content(metadata["tasktype"], runtime, content.value, _CONTENT, inputs)
    settled, checkpoint = decided(metadata["tasktype"], content.value, runtime, _CONTENT)
    is_as_sent = content.payload is None and settled is content.value
    named = metadata.get("inputs") or {}
    check_named_inputs(metadata["tasktype"], runtime, named, content.value, inputs)

    def answer(submission: str, output_location: str) -> dict[str, Any]:
        return {
            "id": metadata["id"],
            "id_task": metadata["id"],
            "submission": submission,
            "runtime": runtime.name,
            "output_location": output_location,
        }

    return TaskRequest(
        id=metadata["id"],
        runtime=runtime,
        tasktype=metadata["tasktype"],
        checkpoint=checkpoint,
        prefix=(metadata.get("prefix") or "").rstrip("/") or None,
        context=context,
        inputs=named,
        expires_at_ms=expires_at_ms,
        content=settled,
        content_pointer="/task/content" if is_as_sent else None,
        inputs_pointer="/task/metadata/inputs" if named and is_as_sent else None,
        answer=answer,
        payload=content.payload,
    )


@dataclass(frozen=True, slots=True)
class _Content:
    """The content of a task, and its location if it was uploaded before."""

    value: dict[str, Any]
    payload: PayloadRef | None = None


def _content(task: dict[str, Any], uploads: "Uploads", owner: str) -> _Content:
    if "content" in task:
        return _Content(task["content"])
    uploaded = uploads.read(task["content_ref"], owner)
    try:
        value = read_json(decoded(uploaded.body))
    except NotJsonError as error:
        raise not_json(str(error), field=_CONTENT_REF) from error
    return _Content(value, PayloadRef(url=uploaded.url, etag=uploaded.etag, pointer=""))
