"""Kinds of output files, by their first bytes or their names."""

import mimetypes
from typing import Final

_SIGNATURES: Final = (
    (b"\x89PNG\r\n\x1a\n", "png", "image/png"),
    (b"\xff\xd8\xff", "jpg", "image/jpeg"),
    (b"GIF8", "gif", "image/gif"),
)
_WEBP_END: Final = 12
_UNKNOWN: Final = ("bin", "application/octet-stream")


def kind_of_image(data: bytes) -> tuple[str, str]:
    """Extension and media type of an image, by its first bytes."""
    for signature, extension, content_type in _SIGNATURES:
        if data.startswith(signature):
            return extension, content_type
    if data[:4] == b"RIFF" and data[8:_WEBP_END] == b"WEBP":
        return "webp", "image/webp"
    return _UNKNOWN


def kind_of_file(name: str) -> tuple[str, str]:
    """Extension and media type of a file, by its name."""
    extension = name.rpartition(".")[2].lower() if "." in name else ""
    if not extension.isalnum():
        return _UNKNOWN
    return extension, mimetypes.guess_type(f"file.{extension}")[0] or _UNKNOWN[1]
