"""Workflows that queue further prompts, which belong to no task: Meta Batch of ComfyUI."""

from collections.abc import Mapping
from typing import Any, Final

_MANAGER: Final = "VHS_BatchManager"

META_BATCH: Final = (
    "must not use a Meta Batch Manager (VHS_BatchManager): it queues the rest of the video as separate prompts, which "
    "no task returns; submit one task for each part of the video, with skip_first_frames and frame_load_cap"
)
"""The rule that such a workflow breaks, and what to submit instead."""


def meta_batch_of(workflow: Mapping[str, Any]) -> str | None:
    """Node id of a Meta Batch Manager that another node uses; None if there is none.

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
