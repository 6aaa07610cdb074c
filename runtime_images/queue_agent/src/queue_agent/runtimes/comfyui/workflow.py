"""A workflow in the API format: `{node id: {"class_type": ..., "inputs": {...}}}`."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

from queue_agent.errors import BadTaskError
from queue_agent.json_codec import encode_json
from task_record.inputs.meta_batch import META_BATCH, meta_batch_of

_MAX_ID_LENGTH: Final = 60
_SEEDS: Final = frozenset({"seed", "noise_seed"})
_MODELS: Final = frozenset({"ckpt_name", "unet_name", "model_name"})
_DURATION_FIELDS: Final = _MODELS | {
    "batch_size",
    "denoise",
    "end_at_step",
    "frames",
    "height",
    "length",
    "megapixels",
    "num_frames",
    "sampler_name",
    "scale_by",
    "start_at_step",
    "steps",
    "upscale_by",
    "width",
}
"""Inputs that affect the duration of a node."""


def check_workflow(workflow: Mapping[str, Any]) -> None:
    """Reject a workflow that the server cannot run as one task.

    Raises:
        BadTaskError: the workflow is in the editor's format, for which the server returns only a 500, or it queues
            further prompts.
    """
    if "nodes" in workflow and "links" in workflow:
        raise BadTaskError(
            "invalid_workflow",
            "the workflow must be in the API format, got the editor's format; export it with Workflow > Export (API)",
        )
    manager = meta_batch_of(workflow)
    if manager is not None:
        raise BadTaskError("invalid_workflow", f"node {manager[:_MAX_ID_LENGTH]} {META_BATCH}")


def seeds_of(workflow: Mapping[str, Any]) -> list[int]:
    """The seeds, in the order of the nodes."""
    return [value for _, name, value in _inputs(workflow) if name in _SEEDS and isinstance(value, int)]


def models_of(workflow: Mapping[str, Any]) -> list[str]:
    """The names of models, in the order of the nodes, without duplicates."""
    return list(
        dict.fromkeys(value for _, name, value in _inputs(workflow) if name in _MODELS and isinstance(value, str))
    )


def duration_key_of(workflow: Mapping[str, Any]) -> str:
    """A hash that is equal for workflows of similar duration: of their nodes, without prompts and seeds."""
    lasting = [
        [str(node.get("class_type")), name, value]
        for node, name, value in _inputs(workflow)
        if name in _DURATION_FIELDS and not isinstance(value, list | dict)
    ]
    kinds = [str(node.get("class_type")) for node in workflow.values() if isinstance(node, dict)]
    return hashlib.sha256(encode_json([sorted(kinds), sorted(lasting, key=str)])).hexdigest()


def _inputs(workflow: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], str, Any]]:
    """The node, name and value of every input."""
    for node in workflow.values():
        inputs = node.get("inputs") if isinstance(node, dict) else None
        if isinstance(inputs, dict):
            yield from ((node, name, value) for name, value in inputs.items())
