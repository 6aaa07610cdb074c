"""Reading fields of a body: each check says what was wrong, what came and what is allowed."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from task_record.identifiers import PREFIX_MAX_BYTES, RESERVED_PREFIXES, is_prefix, is_task_id

from .errors import invalid

CONTEXT_MAX_BYTES: Final = 16 * 1024
"""Largest `context`: it is kept in the record and comes back in the callback."""


def an_object(parent: Mapping[str, Any], name: str, path: str) -> dict[str, Any]:
    """A field that must be an object.

    Raises:
        ApiError: it is none.
    """
    value = parent.get(name)
    if not isinstance(value, dict):
        raise invalid(f"{path}{name}", f"must be an object, got {_kind(value)}")
    return value


def a_text(parent: Mapping[str, Any], name: str, path: str) -> str:
    """A field that must be a non-empty string.

    Raises:
        ApiError: it is none.
    """
    value = parent.get(name)
    if not isinstance(value, str) or not value:
        raise invalid(f"{path}{name}", f"must be a non-empty string, got {_kind(value)}")
    return value


def no_others(parent: Mapping[str, Any], known: frozenset[str], path: str) -> None:
    """Refuse keys that mean nothing.

    Raises:
        ApiError: there is one.
    """
    for name in parent:
        if name not in known:
            raise invalid(f"{path}{name[:100]}", f"is unknown; allowed: {', '.join(sorted(known))}")


def a_task_id(parent: Mapping[str, Any], name: str, path: str) -> str:
    """A task's id.

    Raises:
        ApiError: it is none.
    """
    value = a_text(parent, name, path)
    if not is_task_id(value):
        raise invalid(
            f"{path}{name}",
            f"must be 1 to 128 letters, digits or ._~- and begin with a letter or digit, got {value[:140]!r}",
        )
    return value


def a_prefix(parent: Mapping[str, Any], name: str, path: str) -> str | None:
    """Where results go; `None` where it is left out or empty.

    Raises:
        ApiError: nothing may be stored there.
    """
    if parent.get(name) in (None, ""):
        return None
    value = a_text(parent, name, path)
    if not is_prefix(value):
        raise invalid(
            f"{path}{name}",
            f"must be segments of letters, digits or ._~- separated by single slashes, up to {PREFIX_MAX_BYTES} bytes, "
            f"the first not {' or '.join(sorted(RESERVED_PREFIXES))}, got {value[:100]!r}",
        )
    return value.rstrip("/")


def a_context(parent: Mapping[str, Any], name: str, path: str) -> Any:  # noqa: ANN401 (any JSON value)
    """What the caller wants back in the callback; `None` where it is left out.

    Raises:
        ApiError: it is too large.
    """
    value = parent.get(name)
    size_bytes = len(json.dumps(value).encode())
    if size_bytes > CONTEXT_MAX_BYTES:
        raise invalid(f"{path}{name}", f"must be at most {CONTEXT_MAX_BYTES} bytes of JSON, got {size_bytes}")
    return value


def an_expiry(parent: Mapping[str, Any], name: str, path: str, *, now_ms: int, max_age_s: int) -> int:
    """When nobody waits for the task any more, epoch milliseconds; the oldest age that is allowed where it is left out.

    Raises:
        ApiError: it is no time, in the past, or too far away.
    """
    latest_ms = now_ms + max_age_s * 1000
    value = parent.get(name)
    if value is None:
        return latest_ms
    field = f"{path}{name}"
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            expires_at_ms = round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            expires_at_ms = round(value * 1000)
        else:
            raise TypeError  # noqa: TRY301 (one message for all that is no time)
    except (TypeError, ValueError, OverflowError) as error:
        raise invalid(
            field, f"must be a time such as 2026-11-24T10:00:00Z or epoch seconds, got {_kind(value)}"
        ) from error
    if not now_ms < expires_at_ms <= latest_ms:
        raise invalid(field, f"must lie in the future and at most {max_age_s} s away")
    return expires_at_ms


def _kind(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return f"{value[:60]!r}"
    return {dict: "an object", list: "a list", bool: "a boolean"}.get(type(value), f"the number {str(value)[:40]}")
