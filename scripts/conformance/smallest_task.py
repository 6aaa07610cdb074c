"""A task with minimal cost."""

from typing import Any

from task_record.runtime_types import RUNTIME_TYPES
from verification.samples import SMALLEST


def smallest_task(task_id: str, runtime: str, runtime_type: str) -> dict[str, Any]:
    """A request body of `POST /v1alpha2` for a runtime of a type."""
    tasktype = RUNTIME_TYPES[runtime_type].task_types[0].name
    metadata = {"id": task_id, "runtime": runtime, "tasktype": tasktype}
    return {"task": {"metadata": metadata, "content": dict(SMALLEST[tasktype])}}
