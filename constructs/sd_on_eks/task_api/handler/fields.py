"""What no schema can say of a field: its size as JSON, its distance from now."""

import json
from datetime import UTC, datetime
from typing import Any, Final

from .errors import invalid
from .wrong_value import described

CONTEXT_MAX_BYTES: Final = 16 * 1024
"""Largest `context`: it is kept in the record and comes back in the callback."""


def check_context(value: Any, field: str) -> None:  # noqa: ANN401 (any JSON value)
    """Check what the caller wants back in the callback.

    Raises:
        ApiError: it is too large.
    """
    size_bytes = len(json.dumps(value).encode())
    if size_bytes > CONTEXT_MAX_BYTES:
        raise invalid(field, f"must be at most {CONTEXT_MAX_BYTES} bytes of JSON, got {size_bytes}")


def expiry_ms(value: str | float | None, field: str, *, now_ms: int, max_age_s: int) -> int:
    """When nobody waits for the task any more, epoch milliseconds.

    Args:
        value: a time in ISO 8601, UTC where it names no offset, or epoch seconds; `None` for the latest allowed.
        field: where it stands.
        now_ms: epoch milliseconds.
        max_age_s: how far away it may be.

    Raises:
        ApiError: it is no time, in the past, or too far away.
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
        raise invalid(field, f"must lie in the future and at most {max_age_s} s away, got {described(value)}")
    return expires_at_ms


def _timestamp_s(text: str) -> float:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
