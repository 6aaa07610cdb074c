"""The kind of an output, for callers that filter by it."""

from typing import Final, Literal

OutputKind = Literal["image", "video", "audio", "text", "3d", "latent", "file"]

MODELS_3D: Final = frozenset({"fbx", "glb", "gltf", "ksplat", "obj", "ply", "splat", "spz", "stl", "usdz"})
"""Extensions of 3D models; most have no registered media type."""

_KIND_BY_TYPE: Final[dict[str, OutputKind]] = {
    "image": "image",
    "video": "video",
    "audio": "audio",
    "text": "text",
    "model": "3d",
}
_LATENT: Final = "latent"


def output_kind(*, extension: str, content_type: str) -> OutputKind:
    """Kind of an output. The extension has no dot."""
    if extension in MODELS_3D:
        return "3d"
    if extension == _LATENT:
        return "latent"
    return _KIND_BY_TYPE.get(content_type.partition("/")[0], "file")
