"""Files in a request, in base64: checked without decoding them, which would take several times as long, for nothing."""

import re
from typing import Final

from .errors import invalid

_DATA_URI: Final = re.compile(
    r"data:(?:(image|video|audio|model)/[A-Za-z0-9.+-]{1,40}|(application/octet-stream));base64,"
)

_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_ODD: Final = re.compile(r"[^A-Za-z0-9+/]")
_QUANTUM: Final = 4
"""Characters that stand for three bytes; the last ones are padded with `=` (RFC 4648, section 4)."""


def check_base64(text: str, field: str, *, must: str, kinds: frozenset[str]) -> None:
    """Check a file.

    Args:
        text: base64, alone or as a data: URI.
        field: where it stands.
        must: what would be right, in words that follow `must`.
        kinds: what a data: URI may say that it is. The SD Web UI strips that of an image alone.

    Raises:
        ApiError: it is no base64.
    """
    prefix = _DATA_URI.match(text)
    encoded = text[prefix.end() :] if prefix and (prefix[1] or prefix[2]) in kinds else text
    padding = 2 if encoded.endswith("==") else 1 if encoded.endswith("=") else 0
    is_base64 = encoded.isascii() and len(encoded.encode().translate(None, _ALPHABET)) == padding
    if not is_base64 or not encoded or len(encoded) % _QUANTUM:
        raise invalid(field, f"must {must}, got {_what_came(encoded, padding)}")


def _what_came(encoded: str, padding: int) -> str:
    odd = _ODD.search(encoded, 0, len(encoded) - padding)
    if odd is not None:
        return f"{odd[0]!r} as character {odd.start() + 1}"
    return f"{len(encoded)} characters, which is no multiple of {_QUANTUM}" if encoded else "an empty one"
