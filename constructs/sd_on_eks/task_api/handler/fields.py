"""Rules of fields that a schema cannot express: size as JSON, and time limits relative to now."""

import json
from datetime import UTC, datetime
from typing import Any, Final

from .errors import invalid
from .wrong_value import described

CONTEXT_MAX_BYTES: Final = 16 * 1024
"""Maximum size of `context`, which is stored in the record and returned in the callback."""


def check_context(value: Any, field: str) -> None:  # noqa: ANN401 (any JSON value)
    """Check the size of `context`.

    Raises:
        ApiError: it is too large.
    """
    size_bytes = len(json.dumps(value).encode())
    if size_bytes > CONTEXT_MAX_BYTES:
        raise invalid(field, f"must be at most {CONTEXT_MAX_BYTES} bytes of JSON, got {size_bytes}")


def expiry_ms(value: str | float | None, field: str, *, now_ms: int, max_age_s: int) -> int:
    """The time after which the task is not started, epoch milliseconds.

    Args:
        value: a timestamp in ISO 8601, UTC if it has no offset, or epoch seconds; `None` for the latest time allowed.
        field: path of the field.
        now_ms: the current time, epoch milliseconds.
        max_age_s: maximum time from now, in seconds.

    Raises:
        ApiError: it is not a valid time, or is not in the allowed range.
    """
    latest_ms = now_ms + max_age_s * 1000
    if value is None:
        return latest_ms
    try:
        expires_at_ms = round((_timestamp_s(value) if isinstance(value, str) else value) * 1000)
    except (ValueError, OverflowError) as error:
        raise invalid(
            field, f"must be a time such as 2026-11-24T10:00:00Z or epoch seconds, got {described(value)}"
        ) from error
    if not now_ms < expires_at_ms <= latest_ms:
        raise invalid(field, f"must be in the future and at most {max_age_s} s from now, got {described(value)}")
    return expires_at_ms


def _timestamp_s(text: str) -> float:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
