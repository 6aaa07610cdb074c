"""`POST /v1alpha2`: `{"task": {"metadata": {...}, "content": {...}}}`."""

from typing import Any, Final

from .body import Body
from .content_rules import check_content
from .errors import invalid
from .fields import a_context, a_prefix, a_task_id, a_text, an_expiry, an_object, no_others
from .runtimes import Runtimes, check_tasktype
from .task_request import TaskRequest

_METADATA: Final = "task.metadata."
_METADATA_KEYS: Final = frozenset({"id", "runtime", "tasktype", "prefix", "context", "inputs", "expires_at"})
_TASK_KEYS: Final = frozenset({"metadata", "content"})
_BODY_KEYS: Final = frozenset({"task"})


def read_v1alpha2(body: Body, runtimes: Runtimes, *, now_ms: int, max_age_s: int) -> TaskRequest:
    """Read a request.

    Raises:
        ApiError: something in it is wrong.
    """
    task = an_object(body.value, "task", "")
    no_others(body.value, _BODY_KEYS, "")
    metadata = an_object(task, "metadata", "task.")
    no_others(task, _TASK_KEYS, "task.")
    no_others(metadata, _METADATA_KEYS, _METADATA)
    task_id = a_task_id(metadata, "id", _METADATA)
    runtime = runtimes.named(a_text(metadata, "runtime", _METADATA), f"{_METADATA}runtime")
    tasktype = a_text(metadata, "tasktype", _METADATA)
    check_tasktype(tasktype, runtime, f"{_METADATA}tasktype")
    if metadata.get("inputs"):
        raise invalid(f"{_METADATA}inputs", "is not taken by this version; the workflow must hold its images")
    content = an_object(task, "content", "task.")
    check_content(tasktype, content, "task.content.")

    def answer(submission: str, output_location: str) -> dict[str, Any]:
        return {
            "id": task_id,
            "id_task": task_id,
            "submission": submission,
            "runtime": runtime.name,
            "output_location": output_location,
        }

    return TaskRequest(
        id=task_id,
        runtime=runtime,
        tasktype=tasktype,
        prefix=a_prefix(metadata, "prefix", _METADATA),
        context=a_context(metadata, "context", _METADATA),
        inputs={},
        expires_at_ms=an_expiry(metadata, "expires_at", _METADATA, now_ms=now_ms, max_age_s=max_age_s),
        content=content,
        content_pointer="/task/content",
        answer=answer,
    )
