"""What ComfyUI checks of a workflow before it takes it, and the files that each kind of node makes."""

import uuid
from collections.abc import Container
from dataclasses import dataclass
from typing import Any

from aiohttp import web


@dataclass(frozen=True)
class OutputNode:
    """A kind of node that makes an output.

    Attributes:
        needs: the input that it cannot do without.
        key: where its outputs stand in the history.
        extension: of its files.
        folder: `output` or `temp`.
        further: what stands beside its files.
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
    # Stands for any node of any pack: it shows `ui`, and has written `files`: folder, subfolder, name, content.
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
FIRST_BYTES = {
    "webp": b"RIFF\x1a\0\0\0WEBPVP8X",
    "mp4": b"\0\0\0\x18ftypmp42",
    "flac": b"fLaC\0\0\0\x22",
    "latent": b"\x10\0\0\0\0\0\0\0{}",
    "glb": b"glTF\2\0\0\0",
}


def validate(
    graph: dict[str, Any], prompt_id: str, uploads: Container[str]
) -> tuple[web.Response | None, list[str], dict[str, Any]]:
    """The refusal of a graph, or its valid outputs and what is wrong with the others."""
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
    wrong = {key: error for key in outputs if (error := _missing_input(graph[key])) is not None}
    valid = [key for key in outputs if key not in wrong]
    for key, node in graph.items():
        image = node.get("inputs", {}).get("image")
        if node["class_type"] == "LoadImage" and image not in uploads:
            wrong[key] = _node_error(node, "custom_validation_failed", "Custom validation failed for node", f"{image}")
            valid = []
    if not valid:
        return refusal("prompt_outputs_failed_validation", "Prompt outputs failed validation", "", wrong), [], {}
    return None, valid, wrong


def refusal(kind: str, message: str, details: str, node_errors: dict[str, Any]) -> web.Response:
    """The answer to a graph that is not taken."""
    error = {"type": kind, "message": message, "details": details, "extra_info": {}}
    return web.json_response({"error": error, "node_errors": node_errors}, status=400)


def _missing_input(node: dict[str, Any]) -> dict[str, Any] | None:
    needs = OUTPUT_NODES[node["class_type"]].needs
    if needs in node.get("inputs", {}):
        return None
    return _node_error(node, "required_input_missing", "Required input is missing", needs)


def _node_error(node: dict[str, Any], kind: str, message: str, details: str) -> dict[str, Any]:
    error = {"type": kind, "message": message, "details": details, "extra_info": {}}
    return {"errors": [error], "dependent_outputs": [], "class_type": node["class_type"]}
