"""What a caller sees of a task."""

import json
from datetime import UTC, datetime
from typing import Any

from task_record import table
from task_record.status import Status
from task_record.table import Item

from .payload_store import LINK_SECONDS, PayloadStore


def task_view(record: Item, payloads: PayloadStore, *, now_ms: int) -> dict[str, Any]:
    """Show a record.

    Args:
        record: META.
        payloads: makes links to results.
        now_ms: for the time at which links expire.
    """
    result = _json(record, table.RESULT) or {}
    links = {"expires_at": _time(now_ms + LINK_SECONDS * 1000)} if result else {}
    view: dict[str, Any] = {
        "id": record[table.ID],
        "submission": record[table.SUBMISSION],
        "runtime": record.get(table.RUNTIME),
        "tasktype": record.get(table.TASKTYPE),
        "status": Status(str(record[table.STATUS])).value,
        "progress": float(record[table.PROGRESS]) if table.PROGRESS in record else None,
        "attempts": record.get(table.ATTEMPTS),
        "submitted_at": _time(record.get(table.SUBMITTED_AT)),
        "started_at": _time(record.get(table.STARTED_AT)),
        "finished_at": _time(record.get(table.FINISHED_AT)),
        "expires_at": _time(record.get(table.EXPIRES_AT)),
        "timings": _json(record, table.TIMINGS),
        "context": _json(record, table.CONTEXT),
        "error": _json(record, table.ERROR),
        "results": [
            {"s3_url": url, "url": payloads.link(url), **links}
            for url in [*result.get("image_url", []), *([result["output_url"]] if "output_url" in result else [])]
        ],
    }
    return {name: value for name, value in view.items() if value is not None}


def _json(record: Item, name: str) -> Any:  # noqa: ANN401 (any JSON value)
    text = record.get(name)
    return None if text is None else json.loads(str(text))


def _time(epoch_ms: str | int | None) -> str | None:
    if epoch_ms is None:
        return None
    moment = datetime.fromtimestamp(int(epoch_ms) / 1000, tz=UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
