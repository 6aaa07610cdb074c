"""Detects formats without a fixed signature: containers, streams of frames, and text.

Every function receives the first bytes of a file, and returns its media type, or `None` if the format does not match.
"""

import re
from typing import Final

from queue_agent.runtimes import media_kinds as kinds
from queue_agent.runtimes.media_kinds import Media

_AVIF_BRANDS: Final = frozenset({b"avif", b"avis"})
_HEIF_BRANDS: Final = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"mif2", b"msf1"}
)
"""For single images and sequences: https://mp4ra.org/registered-types/brands"""
_AUDIO_BRANDS: Final = frozenset({b"M4A ", b"M4B ", b"M4P ", b"F4A ", b"F4B "})
_QUICKTIME_ATOMS: Final = frozenset({b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"})
"""The first atom of a movie that has no `ftyp`."""

_TRANSPORT_PACKETS: Final = ((0, 188), (4, 192))
"""Position of the first sync byte, and the packet size: plain, and with a time stamp before each packet."""
_TRANSPORT_SYNC: Final = 0x47
_TRANSPORT_SYNCS: Final = 5
"""Maximum number of sync bytes to check."""

# Digits match in only one way. Otherwise a long line of numbers would backtrack for hours.
_NUMBER: Final = r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"
_OBJ_PROOF: Final = re.compile(rf"\s*(?:v(?:[ \t]+{_NUMBER}){{3,8}}\s*$|mtllib[ \t]+\S)")
"""A vertex or a material library, which no other text format has."""
_OBJ_LINE: Final = re.compile(
    r"[ \t]*(?:#.*|(?:v|vn|vt|vp|f|l|p|o|g|s|mg|usemtl|mtllib|usemap|cstype|deg|curv|surf|parm|end)(?:[ \t].*)?)?"
)
_GLTF: Final = re.compile(rb'"asset"\s*:\s*\{|"(?:accessors|bufferViews|meshes)"\s*:\s*\[\s*\{')
_ASCII_STL: Final = re.compile(rb"\s*solid\b[^\n]*\r?\n\s*(?:facet|endsolid)\b")

_STL_HEADER_BYTES: Final = 84
_TRIANGLE_BYTES: Final = 50
_MAX_STL_BYTES: Final = 2**32
"""Four characters of text, read as a triangle count, give a larger size."""


def in_iff(head: bytes) -> Media | None:
    """RIFF, its 64-bit variants, and AIFF: the type follows the length, in front of all chunks."""
    match head[:4], head[8:12]:
        case b"RIFF", b"WEBP":
            return kinds.WEBP
        case b"RIFF", b"AVI ":
            return kinds.AVI
        case ((b"RIFF" | b"RIFX" | b"RF64" | b"BW64"), b"WAVE"):
            return kinds.WAV
        case b"FORM", (b"AIFF" | b"AIFC"):
            return kinds.AIFF
    # Sony Wave64 has GUIDs instead of names.
    return kinds.WAV if head[:16] == b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\0\0" else None


def in_iso_media(head: bytes) -> Media | None:
    """MP4 and related formats, by their brands, and QuickTime movies without a brand.

    https://developer.apple.com/documentation/quicktime-file-format/storing_and_sharing_files
    """
    name = head[4:8]
    if name in _QUICKTIME_ATOMS:
        # Text with such a word at this position does not start with a length.
        return None if _is_text(head[:4]) else kinds.MOV
    if name != b"ftyp":
        return None
    box = head[8 : int.from_bytes(head[:4], "big")] or head[8:12]
    brand, further = box[:4], {box[start : start + 4] for start in range(8, len(box), 4)}
    if brand in _AVIF_BRANDS or (brand in _HEIF_BRANDS and further & _AVIF_BRANDS):
        return kinds.AVIF
    if brand in _HEIF_BRANDS:
        return kinds.HEIC
    if brand in _AUDIO_BRANDS:
        return kinds.M4A
    if brand == b"qt  ":
        return kinds.MOV
    return kinds.THREE_GP if brand[:3] in {b"3gp", b"3g2"} else kinds.MP4


def in_ebml(head: bytes) -> Media | None:
    """WebM, and Matroska in general (RFC 8794)."""
    if not head.startswith(b"\x1aE\xdf\xa3"):
        return None
    return kinds.MKV if b"matroska" in head[:64] else kinds.WEBM


def in_ogg(head: bytes) -> Media | None:
    """Ogg audio or video (RFC 5334)."""
    if not head.startswith(b"OggS"):
        return None
    return kinds.OGV if b"\x80theora" in head else kinds.OGG


def in_mpeg_audio(head: bytes) -> Media | None:
    """MP3, MP2 and AAC without a container, by the header of the first frame.

    http://www.mp3-tech.org/programmer/frame_header.html. Layer I is not supported: it looks like UTF-16.
    """
    if len(head) < 2 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:  # noqa: PLR2004 (eleven bits of sync)
        return None
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    if layer == 0:
        return kinds.AAC if version & 2 else None
    third = head[2] if len(head) > 2 else 0  # noqa: PLR2004 (two bytes of sync, version and layer)
    is_reserved = version == 1 or third >> 4 == 0xF or third >> 2 & 3 == 3  # noqa: PLR2004 (reserved values)
    return None if is_reserved else {1: kinds.MP3, 2: kinds.MP2}.get(layer)


def in_transport_stream(head: bytes) -> Media | None:
    """MPEG-2 transport streams: packets of equal size that start with the same byte."""
    for start, step in _TRANSPORT_PACKETS:
        syncs = head[start::step][:_TRANSPORT_SYNCS]
        # Two matches can be the same letter in a short text.
        least = 3 if _is_text(head) else 2
        if len(syncs) >= least and all(byte == _TRANSPORT_SYNC for byte in syncs):
            return kinds.MPEG_TS
    return None


def in_json(head: bytes) -> Media | None:
    """GlTF. Its keys can be in any order."""
    return kinds.GLTF if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{" and _GLTF.search(head) else None


def in_text(head: bytes) -> Media | None:
    """3D models as text: STL, and OBJ if all lines are OBJ statements."""
    if _ASCII_STL.match(head):
        return kinds.STL
    if not _is_text(head):
        return None
    # The last line may be truncated.
    *whole, last = head.decode("utf-8", "replace").removeprefix("\ufeff").split("\n")
    if not all(_OBJ_LINE.fullmatch(line.rstrip("\r")) for line in whole):
        return None
    return kinds.OBJ if any(_OBJ_PROOF.match(line) for line in (*whole, last)) else None


def in_triangles(head: bytes, size: int | None) -> Media | None:
    """Binary STL: it has only a triangle count, which must match the file size."""
    count = int.from_bytes(head[_STL_HEADER_BYTES - 4 : _STL_HEADER_BYTES], "little")
    needed = _STL_HEADER_BYTES + count * _TRIANGLE_BYTES
    fits = needed < _MAX_STL_BYTES if size is None else needed == size
    return kinds.STL if count and fits else None


def _is_text(data: bytes) -> bool:
    """Whether the data has no control characters except white space."""
    return not data.translate(None, b"\t\n\r\f").translate(None, bytes(range(0x20, 0x100))) and b"\x7f" not in data
