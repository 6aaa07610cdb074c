"""Images in a request: in base64, and never fetched from anywhere that a caller says."""

import re
from collections.abc import Collection
from typing import Final

from .errors import ApiError, invalid

_LINK: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,15})://")
# What the SD Web UI strips; it would take any other data: URI for base64.
_DATA_URI: Final = re.compile(r"data:image/[A-Za-z0-9.+-]{1,40};base64,")
_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_ODD: Final = re.compile(r"[^A-Za-z0-9+/]")
_QUANTUM: Final = 4
"""Characters that stand for three bytes; the last ones are padded with `=` (RFC 4648, section 4)."""


def check_image(text: str, field: str, *, fetched: Collection[str]) -> None:
    """Check an image, without decoding it: that would take several times as long, for nothing.

    Args:
        text: base64, alone or as a data: URI.
        field: where it stands.
        fetched: schemes of links that may stand in its place.

    Raises:
        ApiError: it is no base64, or a link that is not fetched.
    """
    link = _LINK.match(text)
    if link is not None:
        _check_link(link[1].lower(), field, fetched)
        return
    prefix = _DATA_URI.match(text)
    encoded = text[prefix.end() :] if prefix else text
    padding = 2 if encoded.endswith("==") else 1 if encoded.endswith("=") else 0
    is_base64 = encoded.isascii() and len(encoded.encode().translate(None, _ALPHABET)) == padding
    if not is_base64 or not encoded or len(encoded) % _QUANTUM:
        raise _no_base64(encoded, padding, field)


def _check_link(scheme: str, field: str, fetched: Collection[str]) -> None:
    if scheme not in fetched:
        why = ", which can be read and changed on its way" if scheme == "http" else ", which is not fetched"
        raise invalid(field, f"must be an image in base64, got a {scheme}:// link{why}")


def _no_base64(encoded: str, padding: int, field: str) -> ApiError:
    odd = _ODD.search(encoded, 0, len(encoded) - padding)
    if odd is None:
        came = f"{len(encoded)} characters, which is no multiple of {_QUANTUM}" if encoded else "an empty one"
        return invalid(field, f"must be an image in base64, got {came}")
    return invalid(field, f"must be an image in base64, got {odd[0]!r} as character {odd.start() + 1}")
