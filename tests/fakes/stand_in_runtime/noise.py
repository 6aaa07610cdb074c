"""An image of noise: of the size of a real one, generated once, and marked with a string."""

import binascii
import io
import random
import struct
from math import isqrt

from PIL import Image

_END = 12
"""Bytes of a PNG's last chunk."""


class NoiseImage:
    """A PNG that does not compress. Each copy has its own string; the rest and its base64 are generated once.

    Args:
        size: approximate size in bytes.
    """

    def __init__(self, size: int) -> None:
        side = max(8, isqrt(size // 3))
        buffer = io.BytesIO()
        Image.frombytes("RGB", (side, side), random.Random(0).randbytes(3 * side * side)).save(
            buffer, "PNG", compress_level=0
        )
        body, self._end = buffer.getvalue()[:-_END], buffer.getvalue()[-_END:]
        # Base64 parts can be joined if their lengths are divisible by three.
        filler = _text_chunk("filler", "")
        self._body = body + _text_chunk("filler", "-" * (-(len(body) + len(filler)) % 3))
        self._body_base64 = binascii.b2a_base64(self._body, newline=False)

    def png(self, text: str) -> bytes:
        """A copy with this string."""
        return self._body + _text_chunk("prompt", text) + self._end

    def base64(self, text: str) -> list[bytes]:
        """A copy with this string, in base64, in parts: joining megabytes would delay the next request."""
        return [self._body_base64, binascii.b2a_base64(_text_chunk("prompt", text) + self._end, newline=False)]


def _text_chunk(keyword: str, text: str) -> bytes:
    # https://www.w3.org/TR/png-3/#11tEXt
    data = b"tEXt" + keyword.encode() + b"\0" + text.encode("latin-1", "replace")
    return struct.pack(">I", len(data) - 4) + data + struct.pack(">I", binascii.crc32(data))
