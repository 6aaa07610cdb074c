"""What a workflow of ComfyUI must be like beyond its schema."""

from collections.abc import Mapping
from typing import Any

from task_record.inputs.meta_batch import META_BATCH, meta_batch_of

from . import request_schema
from .errors import invalid


def check(content: Mapping[str, Any], path: str) -> None:
    """Check a content.

    Raises:
        ApiError: it cannot be run.
    """
    if isinstance(content.get("nodes"), list):
        raise invalid(
            path, "is a workflow in the editor's format; export it in the API format (Workflow > Export (API))"
        )
    request = content.get("prompt")
    if isinstance(request, dict) and "class_type" not in request:
        raise invalid(path, "is a request of ComfyUI's own API; send the workflow alone, which is its prompt")
    request_schema.pipeline(content, path)
    manager = meta_batch_of(content)
    if manager is not None:
        raise invalid(f"{path}.{manager[:60]}", META_BATCH)
    for node_id, node in content.items():
        for name, value in node.get("inputs", {}).items():
            # ComfyUI distinguishes a link from a list of values so.
            is_link = isinstance(value, list) and len(value) == 2 and type(value[1]) in {int, float}  # noqa: PLR2004 (id, slot)
            if is_link and isinstance(value[0], str) and value[0] not in content:
                raise invalid(
                    f"{path}.{node_id[:60]}.inputs.{name[:60]}",
                    f"links to node {value[0][:60]!r}, which is not there",
                )
