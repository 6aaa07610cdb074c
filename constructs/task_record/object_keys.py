"""Keys of the objects in the output bucket.

    [<prefix>/]<id>/<id>-<tag>-<n>.<ext>   an output; the tag is 4 hex digits of the claim id
    [<prefix>/]<id>/<id>-<tag>.out         the complete response of the runtime, as JSON
    uploads/<owner>/<ULID>                 an upload of a caller: a large content, or an input
    payloads/<owner>/<sha256>              a request body that is too large for a message
    parked/<queue>/<message id>            a quarantined message, which no agent can process

The tag belongs to one claim, so an agent that lost its claim cannot overwrite the results of the new holder.
"""

import re
from typing import Final
from urllib.parse import quote

from task_record.identifiers import safe_task_id

UPLOADS: Final = "uploads"
PAYLOADS: Final = "payloads"
QUARANTINE: Final = "parked"
RESERVED_PREFIXES: Final = (UPLOADS, PAYLOADS, QUARANTINE)
"""First segments of keys that the product uses."""

PREFIX_PATTERN: Final = r"^[A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*/?$"
"""Segments that are safe in an object key. `is_prefix` has the rules that a pattern cannot express."""

PREFIX_MAX_BYTES: Final = 512

TAG_HEX_DIGITS: Final = 4
TAGS_OF_A_CLAIM: Final = 8
"""Number of tags of a claim id (32 hex digits). If a key already exists, the next tag is used."""

_PREFIX: Final = re.compile(PREFIX_PATTERN)


def is_prefix(text: str) -> bool:
    """Whether the API accepts this prefix in the output bucket."""
    segments = text.rstrip("/").split("/")
    return (
        _PREFIX.fullmatch(text) is not None
        and len(text) <= PREFIX_MAX_BYTES
        and segments[0] not in RESERVED_PREFIXES
        and not any(segment in {".", ".."} for segment in segments)
    )


def safe_prefix(text: str) -> str:
    """Convert any prefix to one that is safe in a key. A prefix that the API accepts does not change.

    For messages that were not sent through the API. Any other prefix becomes one percent-encoded segment.
    """
    if is_prefix(text):
        return text
    return "prefix-" + safe_task_id(quote(text, safe="", errors="surrogatepass").replace(".", "%2E"))


def task_folder(task_id: str, prefix: str | None) -> str:
    """Key prefix of all objects of a task, with the trailing slash.

    Args:
        task_id: as the caller chose it; unsafe characters are encoded.
        prefix: as the caller chose it; unsafe characters are encoded.
    """
    segment = safe_task_id(task_id)
    if prefix:
        return f"{safe_prefix(prefix).strip('/')}/{segment}/"
    # Reserved prefixes have lifecycle rules that delete objects, so results are never stored there.
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
    """Key of an output. Numbers start at 0."""
    return f"{folder}{task_id}-{tag}-{number}.{extension}"


def answer_key(folder: str, task_id: str, tag: str) -> str:
    """Key of the runtime's complete response."""
    return f"{folder}{task_id}-{tag}.out"


def uploads_folder(owner: str) -> str:
    """Key prefix of the uploads of a caller, with the trailing slash."""
    return f"{UPLOADS}/{owner}/"


def payload_key(owner: str, sha256_hex: str) -> str:
    """Key of an offloaded request body."""
    return f"{PAYLOADS}/{owner}/{sha256_hex}"


def quarantine_key(queue_name: str, message_id: str) -> str:
    """Key of a quarantined message."""
    return f"{QUARANTINE}/{queue_name}/{message_id}"
