"""The validation of workflows in ComfyUI, and the output files of each node type."""

import uuid
from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web


@dataclass(frozen=True)
class OutputNode:
    """A node type with outputs.

    Attributes:
        needs: the required input.
        key: key of its outputs in the history.
        extension: of its files.
        folder: `output` or `temp`.
        further: other values next to its files.
    """

    needs: str
    key: str
    extension: str
    folder: str = "output"
    further: tuple[tuple[str, Any], ...] = ()


_ANIMATED = (("animated", [True]),)
OUTPUT_NODES = {
    "SaveImage": OutputNode("images", "images", "png"),
    "PreviewImage": OutputNode("images", "images", "png", "temp"),
    "SaveAnimatedWEBP": OutputNode("images", "images", "webp", further=_ANIMATED),
    "SaveVideo": OutputNode("video", "images", "mp4", further=_ANIMATED),
    "VHS_VideoCombine": OutputNode("images", "gifs", "mp4"),
    "SaveAudio": OutputNode("audio", "audio", "flac"),
    "SaveLatent": OutputNode("samples", "latents", "latent"),
    "SaveGLB": OutputNode("mesh", "3d", "glb"),
    "Preview3D": OutputNode("model_file", "result", "glb"),
    "PreviewAny": OutputNode("source", "text", "txt"),
    "SaveImageWebsocket": OutputNode("images", "", "png"),
    # Represents any node of any pack: it returns `ui`, and has written `files`: folder, subfolder, name, content.
    "Shows": OutputNode("ui", "", ""),
}
KNOWN_NODES = {
    "CheckpointLoaderSimple",
    "CLIPTextEncode",
    "EmptyLatentImage",
    "KSampler",
    "LoadImage",
    "VAEDecode",
    "VAEEncode",
    *OUTPUT_NODES,
}
_NEEDS = {"LoadImage": "image", "CheckpointLoaderSimple": "ckpt_name"}
FIRST_BYTES = {
    "webp": b"RIFF\x1a\0\0\0WEBPVP8X",
    "mp4": b"\0\0\0\x18ftypmp42",
    "flac": b"fLaC\0\0\0\x22",
    "latent": b"\x10\0\0\0\0\0\0\0{}",
    "glb": b"glTF\2\0\0\0",
}


def validate(
    graph: dict[str, Any], prompt_id: str, uploads: Container[str], checkpoints: Sequence[str]
) -> tuple[web.Response | None, list[str], dict[str, Any]]:
    """The rejection of a graph, or its valid outputs and the errors of the others."""
    try:
        canonical = str(uuid.UUID(prompt_id)) == prompt_id
    except ValueError:
        canonical = False
    if not canonical:
        return refusal("invalid_prompt_id", "prompt_id must be a UUID", prompt_id, {}), [], {}
    missing = [(key, node["class_type"]) for key, node in graph.items() if node["class_type"] not in KNOWN_NODES]
    if missing:
        key, kind = missing[0]
        return refusal("missing_node_type", f"Node '{kind}' not found.", f"Node ID '#{key}'", {}), [], {}
    outputs = [key for key, node in graph.items() if node["class_type"] in OUTPUT_NODES]
    if not outputs:
        return refusal("prompt_no_outputs", "Prompt has no outputs", "", {}), [], {}
    # Only the outputs and their upstream nodes are validated.
    needed = {output: _upstream(graph, output) for output in outputs}
    wrong: dict[str, Any] = {}
    for key, node in graph.items():
        error = _node_error(node, uploads, checkpoints)
        dependent = [output for output in outputs if key in needed[output]]
        if error is not None and dependent:
            wrong[key] = {"errors": [error], "dependent_outputs": dependent, "class_type": node["class_type"]}
    valid = [output for output in outputs if not needed[output] & wrong.keys()]
    if not valid:
        return refusal("prompt_outputs_failed_validation", "Prompt outputs failed validation", "", wrong), [], {}
    return None, valid, wrong


def refusal(kind: str, message: str, details: str, node_errors: dict[str, Any]) -> web.Response:
    """The response to a rejected graph."""
    return web.json_response({"error": _error(kind, message, details, {}), "node_errors": node_errors}, status=400)


def _upstream(graph: dict[str, Any], key: str) -> set[str]:
    """A node and its upstream nodes."""
    found: set[str] = set()
    open_keys = [key]
    while open_keys:
        key = open_keys.pop()
        if key not in found:
            found.add(key)
            inputs = graph[key].get("inputs", {}).values()
            links = (link[0] for link in inputs if isinstance(link, list) and link)
            open_keys += [link for link in links if isinstance(link, str) and link in graph]
    return found


def _node_error(node: dict[str, Any], uploads: Container[str], checkpoints: Sequence[str]) -> dict[str, Any] | None:
    """The validation error of a node."""
    kind, inputs = node["class_type"], node.get("inputs", {})
    needs = OUTPUT_NODES[kind].needs if kind in OUTPUT_NODES else _NEEDS.get(kind)
    if needs is None:
        return None
    if needs not in inputs:
        return _error("required_input_missing", "Required input is missing", needs, {"input_name": needs})
    value = inputs[needs]
    if kind == "LoadImage" and value not in uploads:
        return _error("custom_validation_failed", "Custom validation failed for node", f"{value}", {})
    if kind == "CheckpointLoaderSimple" and value not in checkpoints:
        config = [list(checkpoints), {"tooltip": "The name of the checkpoint (model) to load."}]
        extra = {"input_name": needs, "input_config": config, "received_value": value}
        return _error("value_not_in_list", "Value not in list", f"{needs}: '{value}' not in {checkpoints}", extra)
    return None


def _error(kind: str, message: str, details: str, extra_info: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, "message": message, "details": details, "extra_info": extra_info}
