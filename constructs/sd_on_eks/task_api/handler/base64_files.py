"""Files in a request, in base64. They are validated without decoding them, which would take several times as long."""

import re
from typing import Final

from .errors import invalid

_DATA_URI: Final = re.compile(
    r"data:(?:(image|video|audio|model)/[A-Za-z0-9.+-]{1,40}|(application/octet-stream));base64,"
)

_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_ODD: Final = re.compile(r"[^A-Za-z0-9+/]")
_QUANTUM: Final = 4
"""Number of characters that encode three bytes; the last group is padded with `=` (RFC 4648, section 4)."""


def check_base64(text: str, field: str, *, must: str, kinds: frozenset[str]) -> None:
    """Check a file.

    Args:
        text: base64, with or without the prefix of a data: URI.
        field: path of the field.
        must: the rule of the error message, which follows `must`.
        kinds: kinds of media that a data: URI may have. The SD Web UI removes the prefix of images only.

    Raises:
        ApiError: it is not valid base64.
    """
    prefix = _DATA_URI.match(text)
    encoded = text[prefix.end() :] if prefix and (prefix[1] or prefix[2]) in kinds else text
    padding = 2 if encoded.endswith("==") else 1 if encoded.endswith("=") else 0
    is_base64 = encoded.isascii() and len(encoded.encode().translate(None, _ALPHABET)) == padding
    if not is_base64 or not encoded or len(encoded) % _QUANTUM:
        raise invalid(field, f"must {must}, got {_received(encoded, padding)}")


def _received(encoded: str, padding: int) -> str:
    odd = _ODD.search(encoded, 0, len(encoded) - padding)
    if odd is not None:
        return f"{odd[0]!r} as character {odd.start() + 1}"
    return f"{len(encoded)} characters, which is not a multiple of {_QUANTUM}" if encoded else "an empty string"
