"""The known media types, with their extensions.

Content types are from the IANA registry, if registered: https://www.iana.org/assignments/media-types
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Media:
    """A media type. The extension has no dot."""

    extension: str
    content_type: str


UNKNOWN: Final = Media("bin", "application/octet-stream")

PNG: Final = Media("png", "image/png")
JPEG: Final = Media("jpg", "image/jpeg")
WEBP: Final = Media("webp", "image/webp")
GIF: Final = Media("gif", "image/gif")
BMP: Final = Media("bmp", "image/bmp")
TIFF: Final = Media("tiff", "image/tiff")
AVIF: Final = Media("avif", "image/avif")
HEIC: Final = Media("heic", "image/heic")
JXL: Final = Media("jxl", "image/jxl")
JP2: Final = Media("jp2", "image/jp2")
EXR: Final = Media("exr", "image/aces")
"""As ComfyUI returns it. OpenEXR has no registered type; this is the type of a subset of it."""
PSD: Final = Media("psd", "image/vnd.adobe.photoshop")

MP4: Final = Media("mp4", "video/mp4")
MOV: Final = Media("mov", "video/quicktime")
THREE_GP: Final = Media("3gp", "video/3gpp")
WEBM: Final = Media("webm", "video/webm")
MKV: Final = Media("mkv", "video/x-matroska")
AVI: Final = Media("avi", "video/x-msvideo")
MPEG_TS: Final = Media("ts", "video/mp2t")
MPEG: Final = Media("mpg", "video/mpeg")
FLV: Final = Media("flv", "video/x-flv")
WMV: Final = Media("wmv", "video/x-ms-wmv")
OGV: Final = Media("ogv", "video/ogg")

WAV: Final = Media("wav", "audio/wav")
FLAC: Final = Media("flac", "audio/flac")
OGG: Final = Media("ogg", "audio/ogg")
MP3: Final = Media("mp3", "audio/mpeg")
MP2: Final = Media("mp2", "audio/mpeg")
M4A: Final = Media("m4a", "audio/mp4")
AAC: Final = Media("aac", "audio/aac")
AIFF: Final = Media("aiff", "audio/aiff")
CAF: Final = Media("caf", "audio/x-caf")
AMR: Final = Media("amr", "audio/amr")

GLB: Final = Media("glb", "model/gltf-binary")
GLTF: Final = Media("gltf", "model/gltf+json")
OBJ: Final = Media("obj", "model/obj")
STL: Final = Media("stl", "model/stl")
PLY: Final = Media("ply", "model/ply")
FBX: Final = Media("fbx", "model/fbx")

ALL: Final = (
    *(PNG, JPEG, WEBP, GIF, BMP, TIFF, AVIF, HEIC, JXL, JP2, EXR, PSD),
    *(MP4, MOV, THREE_GP, WEBM, MKV, AVI, MPEG_TS, MPEG, FLV, WMV, OGV),
    *(WAV, FLAC, OGG, MP3, MP2, M4A, AAC, AIFF, CAF, AMR),
    *(GLB, GLTF, OBJ, STL, PLY, FBX),
)
BY_EXTENSION: Final = {media.extension: media for media in ALL}
