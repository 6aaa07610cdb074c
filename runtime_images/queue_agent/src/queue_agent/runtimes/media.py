"""Kinds of files, by their first bytes or their names."""

import mimetypes
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Media:
    """A kind of file.

    Attributes:
        extension: without the dot.
        content_type: its media type.
    """

    extension: str
    content_type: str


UNKNOWN: Final = Media("bin", "application/octet-stream")

# Where in the file, what stands there, what it is then. https://mimesniff.spec.whatwg.org/#matching-a-mime-type-pattern
_SIGNATURES: Final = (
    (0, b"\x89PNG\r\n\x1a\n", Media("png", "image/png")),
    (0, b"\xff\xd8\xff", Media("jpg", "image/jpeg")),
    (8, b"WEBPVP8", Media("webp", "image/webp")),
    (0, b"GIF87a", Media("gif", "image/gif")),
    (0, b"GIF89a", Media("gif", "image/gif")),
    (0, b"BM", Media("bmp", "image/bmp")),
    (0, b"II*\0", Media("tiff", "image/tiff")),
    (0, b"MM\0*", Media("tiff", "image/tiff")),
    (4, b"ftypavif", Media("avif", "image/avif")),
    (4, b"ftyphei", Media("heic", "image/heic")),
    (4, b"ftypmif1", Media("heic", "image/heic")),
    (4, b"ftypM4A", Media("m4a", "audio/mp4")),
    (4, b"ftypqt", Media("mov", "video/quicktime")),
    (4, b"ftyp", Media("mp4", "video/mp4")),
    (0, b"\x1aE\xdf\xa3", Media("webm", "video/webm")),
    (8, b"WAVEfmt ", Media("wav", "audio/wav")),
    (0, b"fLaC", Media("flac", "audio/flac")),
    (0, b"OggS", Media("ogg", "audio/ogg")),
    (0, b"ID3", Media("mp3", "audio/mpeg")),
    (0, b"\xff\xfb", Media("mp3", "audio/mpeg")),
    (0, b"glTF", Media("glb", "model/gltf-binary")),
)
# The system's table differs from image to image.
_BY_EXTENSION: Final = {media.extension: media for _, _, media in _SIGNATURES}
SNIFFED_BYTES: Final = 16
"""So many first bytes say what a file is."""


def kind_of_data(data: bytes) -> Media:
    """Kind of a file, by its first bytes; `UNKNOWN` where they say nothing."""
    for start, signature, media in _SIGNATURES:
        if data[start : start + len(signature)] == signature:
            return media
    return UNKNOWN


def kind_of_name(name: str) -> Media:
    """Kind of a file, by its name."""
    extension = name.rpartition(".")[2].lower() if "." in name else ""
    if not (extension.isascii() and extension.isalnum()):
        return UNKNOWN
    guessed = mimetypes.guess_type(f"file.{extension}")[0] or UNKNOWN.content_type
    return _BY_EXTENSION.get(extension) or Media(extension, guessed)
