"""Names of the objects in the output bucket.

    [<prefix>/]<id>/<id>-<tag>-<n>.<ext>   an output; the tag is 4 hex digits of the claim that made it
    [<prefix>/]<id>/<id>-<tag>.out         the whole answer of the runtime, as JSON
    uploads/<owner>/<ULID>                 what a caller uploaded: a large content, or an input
    payloads/<owner>/<sha256>              a request body too large for a message
    parked/<queue>/<message id>            a message that no agent can handle

The tag belongs to one claim: an agent that was fenced off can never overwrite what the winner stored.
"""

import re
from typing import Final
from urllib.parse import quote

from task_record.identifiers import safe_task_id

UPLOADS: Final = "uploads"
PAYLOADS: Final = "payloads"
QUARANTINE: Final = "parked"
RESERVED_PREFIXES: Final = (UPLOADS, PAYLOADS, QUARANTINE)
"""First segments that the product itself uses."""

PREFIX_PATTERN: Final = r"^[A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*/?$"
"""Segments that are safe in an object key; `is_prefix` refuses what the pattern alone cannot."""

PREFIX_MAX_BYTES: Final = 512

TAG_HEX_DIGITS: Final = 4
TAGS_OF_A_CLAIM: Final = 8
"""How many tags a claim (32 hex digits) has; the next one is drawn where a name is taken already."""

_PREFIX: Final = re.compile(PREFIX_PATTERN)


def is_prefix(text: str) -> bool:
    """Whether results may be stored under this prefix of the output bucket."""
    segments = text.rstrip("/").split("/")
    return (
        _PREFIX.fullmatch(text) is not None
        and len(text) <= PREFIX_MAX_BYTES
        and segments[0] not in RESERVED_PREFIXES
        and not any(segment in {".", ".."} for segment in segments)
    )


def safe_prefix(text: str) -> str:
    """Turn any prefix into one that is safe in a key; an allowed one stays as it is.

    For messages that did not come through the API. Any other becomes one segment, percent-encoded.
    """
    if is_prefix(text):
        return text
    return "prefix-" + safe_task_id(quote(text, safe="", errors="surrogatepass").replace(".", "%2E"))


def task_folder(task_id: str, prefix: str | None) -> str:
    """Key prefix of everything that a task leaves, with the slash at its end.

    Args:
        task_id: as its caller gave it; what is not safe in a key is encoded.
        prefix: as above.
    """
    segment = safe_task_id(task_id)
    if prefix:
        return f"{safe_prefix(prefix).strip('/')}/{segment}/"
    # Results are never stored where the product keeps what it deletes after a while.
    return f"%{ord(segment[0]):02X}{segment[1:]}/" if segment in RESERVED_PREFIXES else f"{segment}/"


def claim_tag(claim_id: str, draw: int = 0) -> str:
    """Tag of a claim.

    Args:
        claim_id: a UUID.
        draw: 0 for the first tag, up to `TAGS_OF_A_CLAIM` - 1.
    """
    digits = claim_id.replace("-", "")
    return digits[draw * TAG_HEX_DIGITS : (draw + 1) * TAG_HEX_DIGITS]


def output_key(folder: str, task_id: str, tag: str, number: int, extension: str) -> str:
    """Key of the output with this number, from 0."""
    return f"{folder}{task_id}-{tag}-{number}.{extension}"


def answer_key(folder: str, task_id: str, tag: str) -> str:
    """Key of the runtime's whole answer."""
    return f"{folder}{task_id}-{tag}.out"


def uploads_folder(owner: str) -> str:
    """Key prefix of everything that a caller uploaded, with the slash at its end."""
    return f"{UPLOADS}/{owner}/"


def payload_key(owner: str, sha256_hex: str) -> str:
    """Key of a request body that is too large for a message."""
    return f"{PAYLOADS}/{owner}/{sha256_hex}"


def parked_key(queue_name: str, message_id: str) -> str:
    """Key of a message that no agent can handle."""
    return f"{QUARANTINE}/{queue_name}/{message_id}"
