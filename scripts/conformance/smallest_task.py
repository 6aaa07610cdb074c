"""A task that costs next to nothing."""

from typing import Any


def smallest_task(task_id: str, runtime: str, kind: str) -> dict[str, Any]:
    """A request body of v1alpha2, for a runtime of this type."""
    if kind == "comfyui":
        tasktype = "pipeline"
        content: dict[str, Any] = {
            "1": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}}
        }
    else:
        tasktype, content = "text-to-image", {"prompt": "x", "steps": 1, "width": 64, "height": 64}
    return {
        "task": {"metadata": {"id": task_id, "runtime": runtime, "tasktype": tasktype}, "content": content},
    }
