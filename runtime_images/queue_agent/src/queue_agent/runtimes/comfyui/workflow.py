"""A workflow in the API format: `{node id: {"class_type": ..., "inputs": {...}}}`."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

from queue_agent.errors import BadTaskError
from queue_agent.json_codec import encode_json
from task_record.inputs.meta_batch import META_BATCH, meta_batch_of

_LONGEST_ID: Final = 60
_SEEDS: Final = frozenset({"seed", "noise_seed"})
_MODELS: Final = frozenset({"ckpt_name", "unet_name", "model_name"})
_LASTING: Final = _MODELS | {
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
"""Inputs on which it depends how long a node takes."""


def check_workflow(workflow: Mapping[str, Any]) -> None:
    """Refuse what the server cannot run as one task.

    Raises:
        BadTaskError: it is in the editor's format, to which the server has no answer but a plain 500, or queues the
            rest of its work by itself.
    """
    if "nodes" in workflow and "links" in workflow:
        raise BadTaskError(
            "invalid_workflow",
            "the workflow is in the editor's format; export it in the API format (Workflow > Export (API))",
        )
    manager = meta_batch_of(workflow)
    if manager is not None:
        raise BadTaskError("invalid_workflow", f"node {manager[:_LONGEST_ID]} {META_BATCH}")


def seeds_of(workflow: Mapping[str, Any]) -> list[int]:
    """Seeds, in the order of the nodes."""
    return [value for _, name, value in _inputs(workflow) if name in _SEEDS and isinstance(value, int)]


def models_of(workflow: Mapping[str, Any]) -> list[str]:
    """Names of models, in the order of the nodes, each once."""
    return list(
        dict.fromkeys(value for _, name, value in _inputs(workflow) if name in _MODELS and isinstance(value, str))
    )


def likeness_of(workflow: Mapping[str, Any]) -> str:
    """The same for workflows that take about as long: their nodes, without prompts and seeds."""
    lasting = [
        [str(node.get("class_type")), name, value]
        for node, name, value in _inputs(workflow)
        if name in _LASTING and not isinstance(value, list | dict)
    ]
    kinds = [str(node.get("class_type")) for node in workflow.values() if isinstance(node, dict)]
    return hashlib.sha256(encode_json([sorted(kinds), sorted(lasting, key=str)])).hexdigest()


def _inputs(workflow: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], str, Any]]:
    """Node, name and value of every input."""
    for node in workflow.values():
        inputs = node.get("inputs") if isinstance(node, dict) else None
        if isinstance(inputs, dict):
            yield from ((node, name, value) for name, value in inputs.items())
