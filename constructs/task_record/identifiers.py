"""Task ids and submissions: validation and generation."""

import hashlib
import os
import re
from typing import Final
from urllib.parse import quote

ID_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._~-]{0,127}$"
"""Task ids that the API accepts: safe in a URL path, an object key and a partition key."""


_ID_MAX_LENGTH: Final = 128
_HASH_HEX_DIGITS: Final = 16
_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ULID_LENGTH: Final = 26
_RANDOM_BYTES: Final = 10
_ID = re.compile(ID_PATTERN)


def is_task_id(text: str) -> bool:
    """Whether the API accepts this task id."""
    return _ID.fullmatch(text) is not None


def safe_task_id(text: str) -> str:
    """Convert any id to one that is safe in a key. An id that the API accepts does not change.

    For messages that were not sent through the API. Unsafe characters are percent-encoded. An id that is then too long
    is truncated, and a hash of the full id is appended to keep it unique.
    """
    if is_task_id(text):
        return text
    encoded = quote(text, safe="", errors="surrogatepass")
    if encoded in {".", ".."}:
        return encoded.replace(".", "%2E")
    if len(encoded) <= _ID_MAX_LENGTH:
        return encoded
    digest = hashlib.sha256(encoded.encode()).hexdigest()[:_HASH_HEX_DIGITS]
    return f"{encoded[: _ID_MAX_LENGTH - _HASH_HEX_DIGITS - 1]}-{digest}"


def new_submission(now_ms: int) -> str:
    """Generate a submission: a ULID, so the newest submission of a task id sorts last.

    Args:
        now_ms: time of the submit, in epoch milliseconds.
    """
    return _ulid(now_ms, os.urandom(_RANDOM_BYTES))


def first_submission(now_ms: int) -> str:
    """The smallest submission of a point in time: all earlier ones sort before it, and all later ones after it.

    Args:
        now_ms: the point in time, in epoch milliseconds.
    """
    return _ulid(now_ms, bytes(_RANDOM_BYTES))


def submission_of_message(message_id: str, sent_at_ms: int) -> str:
    """Submission of a message that has none. It is the same for every delivery of the message.

    Args:
        message_id: MessageId of the SNS envelope, else of the SQS message.
        sent_at_ms: Timestamp of the envelope, else SentTimestamp of the SQS message.
    """
    return _ulid(sent_at_ms, hashlib.sha256(message_id.encode()).digest()[:_RANDOM_BYTES])


def _ulid(time_ms: int, randomness: bytes) -> str:
    # https://github.com/ulid/spec: 48 bits of time, 80 bits of randomness, 5 bits a character.
    number = (time_ms << 80) | int.from_bytes(randomness, "big")
    return "".join(_CROCKFORD[number >> shift & 31] for shift in range(5 * (_ULID_LENGTH - 1), -1, -5))
