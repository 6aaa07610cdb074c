"""Rules for a ComfyUI workflow that its schema cannot express."""

from collections.abc import Mapping
from typing import Any

from task_record.inputs.meta_batch import META_BATCH, meta_batch_of

from . import request_schema
from .errors import invalid


def check(content: Mapping[str, Any], path: str) -> None:
    """Check a workflow.

    Raises:
        ApiError: it is invalid.
    """
    if isinstance(content.get("nodes"), list):
        raise invalid(
            path,
            "must be a workflow in the API format, got one in the format of the editor; export it with Workflow > "
            "Export (API)",
        )
    request = content.get("prompt")
    if isinstance(request, dict) and "class_type" not in request:
        raise invalid(
            path, "must be a workflow, got a request body of the ComfyUI API; send only the value of its field prompt"
        )
    request_schema.pipeline(content, path)
    manager = meta_batch_of(content)
    if manager is not None:
        raise invalid(f"{path}.{manager[:60]}", META_BATCH)
    for node_id, node in content.items():
        for name, value in node.get("inputs", {}).items():
            # The same condition as in ComfyUI, which distinguishes a link from a list of values by it.
            is_link = isinstance(value, list) and len(value) == 2 and type(value[1]) in {int, float}  # noqa: PLR2004 (id, slot)
            if is_link and isinstance(value[0], str) and value[0] not in content:
                raise invalid(
                    f"{path}.{node_id[:60]}.inputs.{name[:60]}",
                    f"must be a link to a node of the workflow, got {value[0][:60]!r}, which is not one of its nodes",
                )
