"""Detects the media type of a file from its first bytes or its name. No library: see docs/adr/0022-media-kinds.md."""

import mimetypes
from typing import Final

from queue_agent.runtimes import media_kinds as kinds
from queue_agent.runtimes.media_kinds import UNKNOWN, Media
from queue_agent.runtimes.media_structures import (
    in_ebml,
    in_iff,
    in_iso_media,
    in_json,
    in_mpeg_audio,
    in_ogg,
    in_text,
    in_transport_stream,
    in_triangles,
)

__all__ = ["SNIFFED_BYTES", "UNKNOWN", "Media", "kind_of_data", "kind_of_name", "kind_of_start"]

SNIFFED_BYTES: Final = 4096
"""Number of bytes for the detection: a comment may precede the first vertex."""

# First bytes of a file. https://mimesniff.spec.whatwg.org/#matching-a-mime-type-pattern
_SIGNATURES: Final = (
    (b"\x89PNG\r\n\x1a\n", kinds.PNG),
    (b"\xff\xd8\xff", kinds.JPEG),
    (b"GIF87a", kinds.GIF),
    (b"GIF89a", kinds.GIF),
    (b"BM", kinds.BMP),
    (b"II*\0", kinds.TIFF),
    (b"MM\0*", kinds.TIFF),
    (b"II+\0", kinds.TIFF),  # BigTIFF
    (b"MM\0+", kinds.TIFF),
    (b"\0\0\0\x0cJXL \r\n\x87\n", kinds.JXL),
    (b"\xff\x0a", kinds.JXL),
    (b"\0\0\0\x0cjP  \r\n\x87\n", kinds.JP2),
    (b"v/1\x01", kinds.EXR),
    (b"8BPS\0\x01", kinds.PSD),
    (b"8BPS\0\x02", kinds.PSD),  # its large form
    (b"FLV\x01", kinds.FLV),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", kinds.WMV),
    (b"\0\0\x01\xba", kinds.MPEG),
    (b"\0\0\x01\xb3", kinds.MPEG),
    (b"fLaC", kinds.FLAC),
    (b"ID3", kinds.MP3),
    (b"caff\0\x01", kinds.CAF),
    (b"#!AMR", kinds.AMR),
    (b"glTF", kinds.GLB),
    (b"Kaydara FBX Binary  \0", kinds.FBX),
    (b"; FBX ", kinds.FBX),
    (b"ply\n", kinds.PLY),
    (b"ply\r", kinds.PLY),
)
# In this order: formats with a signature, then formats that are detected by their structure, the weakest last.
_STRUCTURES: Final = (
    in_iff,
    in_iso_media,
    in_ebml,
    in_ogg,
    in_mpeg_audio,
    in_transport_stream,
    in_json,
    in_text,
)


def kind_of_data(data: bytes) -> Media:
    """Media type of a complete file; `UNKNOWN` if it is not detected."""
    return kind_of_start(data[:SNIFFED_BYTES], len(data))


def kind_of_start(head: bytes, size: int | None) -> Media:
    """Media type of a file from its start; `UNKNOWN` if it is not detected.

    Args:
        head: the first `SNIFFED_BYTES`, or fewer if the file is shorter.
        size: size of the file; `None` if it is unknown. Then a format that only the size confirms is assumed.
    """
    for signature, media in _SIGNATURES:
        if head.startswith(signature):
            return media
    for found_in in _STRUCTURES:
        found = found_in(head)
        if found is not None:
            return found
    return in_triangles(head, size) or UNKNOWN


def kind_of_name(name: str) -> Media:
    """Media type of a file from its name."""
    extension = name.rpartition(".")[2].lower() if "." in name else ""
    if not (extension.isascii() and extension.isalnum()):
        return UNKNOWN
    # The table of the operating system differs between images.
    guessed = mimetypes.guess_type(f"file.{extension}")[0] or UNKNOWN.content_type
    return kinds.BY_EXTENSION.get(extension) or Media(extension, guessed)
