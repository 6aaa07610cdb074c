"""The format of times in responses."""

from datetime import UTC, datetime


def timestamp(epoch_ms: int) -> str:
    """ISO 8601 in UTC with milliseconds, such as `2026-11-24T10:00:00.000Z`."""
    moment = datetime.fromtimestamp(epoch_ms / 1000, tz=UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
