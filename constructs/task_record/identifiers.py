"""Ids of tasks and submissions: what is allowed, and how they are made."""

import hashlib
import os
import re
from typing import Final
from urllib.parse import quote

ID_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._~-]{0,127}$"
"""An id that a caller may give a task: safe in a URL path, an object key and a record's key."""


_ID_MAX_LENGTH: Final = 128
_HASH_HEX_DIGITS: Final = 16
_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ULID_LENGTH: Final = 26
_RANDOM_BYTES: Final = 10
_ID = re.compile(ID_PATTERN)


def is_task_id(text: str) -> bool:
    """Whether a caller may give a task this id."""
    return _ID.fullmatch(text) is not None


def safe_task_id(text: str) -> str:
    """Turn any id into one that is safe in a key; an allowed one stays as it is.

    For messages that did not come through the API. What is not safe is percent-encoded; what is too long then is cut,
    and a hash of the whole keeps two long ids apart that differ only at their end.
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
    """Make a submission: a ULID, so that the newest of one id is the greatest.

    Args:
        now_ms: time of the submit, epoch milliseconds.
    """
    return _ulid(now_ms, os.urandom(_RANDOM_BYTES))


def first_submission(now_ms: int) -> str:
    """The least submission of a moment: as text, every earlier one is less and every later one is not.

    Args:
        now_ms: the moment, epoch milliseconds.
    """
    return _ulid(now_ms, bytes(_RANDOM_BYTES))


def submission_of_message(message_id: str, sent_at_ms: int) -> str:
    """Submission of a message that came without one: the same for every delivery of it.

    Args:
        message_id: MessageId of the SNS envelope, else of the SQS message.
        sent_at_ms: Timestamp of the envelope, else SentTimestamp of the SQS message.
    """
    return _ulid(sent_at_ms, hashlib.sha256(message_id.encode()).digest()[:_RANDOM_BYTES])


def _ulid(time_ms: int, randomness: bytes) -> str:
    # https://github.com/ulid/spec: 48 bits of time, 80 bits of randomness, 5 bits a character.
    number = (time_ms << 80) | int.from_bytes(randomness, "big")
    return "".join(_CROCKFORD[number >> shift & 31] for shift in range(5 * (_ULID_LENGTH - 1), -1, -5))
