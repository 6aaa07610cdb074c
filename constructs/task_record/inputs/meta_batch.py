"""Workflows that queue the rest of their work by themselves, under ids that no task has: Meta Batch of ComfyUI."""

from collections.abc import Mapping
from typing import Any, Final

_MANAGER: Final = "VHS_BatchManager"

META_BATCH: Final = (
    "must not use a Meta Batch Manager (VHS_BatchManager): it queues the rest of the video by itself, and no task ever "
    "gets that; send parts of the video as tasks of their own, by skip_first_frames and frame_load_cap"
)
"""What is wrong with such a workflow, and what to send instead."""


def meta_batch_of(workflow: Mapping[str, Any]) -> str | None:
    """Id of a Meta Batch Manager that another node uses; None where there is none.

    Args:
        workflow: in the API format.
    """
    managers = {key for key, node in workflow.items() if isinstance(node, dict) and node.get("class_type") == _MANAGER}
    if not managers:
        return None
    nodes = (node.get("inputs") for node in workflow.values() if isinstance(node, dict))
    values = (value for inputs in nodes if isinstance(inputs, dict) for value in inputs.values())
    links = (value[0] for value in values if isinstance(value, list) and value)
    return next((str(link) for link in links if isinstance(link, str) and link in managers), None)
