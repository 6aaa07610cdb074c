"""Distinguishes links from base64: the same fields accept both."""

import re
from typing import Final

_LINK: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,15})://")
"""https://datatracker.ietf.org/doc/html/rfc3986#section-3.1, limited to 16 characters. Base64 has no colon."""


def scheme_of(text: str) -> str | None:
    """Scheme of a link, in lower case; `None` if the string is not a link."""
    link = _LINK.match(text)
    return None if link is None else link[1].lower()


def bucket_and_key(link: str) -> tuple[str, str]:
    """Bucket and key of an s3:// link. The key is empty if the link has none."""
    bucket, _, key = link.partition("://")[2].partition("/")
    return bucket, key
