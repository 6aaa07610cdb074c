"""What is a link, and what is base64: each stands where the other may."""

import re
from typing import Final

_LINK: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,15})://")
"""https://datatracker.ietf.org/doc/html/rfc3986#section-3.1, as short as schemes are. Base64 has no colon."""


def scheme_of(text: str) -> str | None:
    """Scheme of a link, in lower case; `None` where the text is none."""
    link = _LINK.match(text)
    return None if link is None else link[1].lower()


def bucket_and_key(link: str) -> tuple[str, str]:
    """What an s3:// link names; the key is empty where it names none."""
    bucket, _, key = link.partition("://")[2].partition("/")
    return bucket, key
