"""The representation of a task in responses."""

import json
from typing import Any

from task_record import table
from task_record.status import Status
from task_record.table import Item

from .payload_store import LINK_SECONDS, PayloadStore
from .timestamp import timestamp


def listed_task(record: Item) -> dict[str, Any]:
    """An entry of a list; fields that the index does not have are left out."""
    view: dict[str, Any] = {
        "id": record[table.ID],
        "submission": record[table.SUBMISSION],
        "runtime": record[table.RUNTIME],
        "tasktype": record.get(table.TASKTYPE),
        "status": Status(str(record[table.STATUS])).value,
        **_times(record),
    }
    return {name: value for name, value in view.items() if value is not None}


def task_view(record: Item, payloads: PayloadStore, *, now_ms: int) -> dict[str, Any]:
    """A task; fields that the record does not have are left out.

    Args:
        record: the META item of the task.
        payloads: presigns URLs of results.
        now_ms: the current time, epoch milliseconds.
    """
    result = _json(record, table.RESULT) or {}
    links_expire_at = timestamp(now_ms + LINK_SECONDS * 1000)
    urls = [*result.get("image_url", []), *([result["output_url"]] if "output_url" in result else [])]
    links = {url: {"s3_url": url, "url": payloads.link(url), "expires_at": links_expire_at} for url in urls}
    outputs = result.get("outputs")
    view: dict[str, Any] = {
        "id": record[table.ID],
        "submission": record[table.SUBMISSION],
        "runtime": record.get(table.RUNTIME),
        "tasktype": record.get(table.TASKTYPE),
        "status": Status(str(record[table.STATUS])).value,
        "progress": float(record[table.PROGRESS]) if table.PROGRESS in record else None,
        "attempts": record.get(table.ATTEMPTS),
        **_times(record),
        "timings": _json(record, table.TIMINGS),
        "context": _json(record, table.CONTEXT),
        "error": _json(record, table.ERROR),
        "results": [links[url] for url in urls],
        # Not stored by the previous version, or if they were too large: left out instead of empty.
        "outputs": None if outputs is None else [{**one, **links[one["url"]]} for one in outputs],
        "warnings": result.get("warnings"),
    }
    return {name: value for name, value in view.items() if value is not None}


def _times(record: Item) -> dict[str, str | None]:
    names = (table.SUBMITTED_AT, table.STARTED_AT, table.FINISHED_AT, table.EXPIRES_AT)
    return {name: timestamp(int(record[name])) if name in record else None for name in names}


def _json(record: Item, name: str) -> Any:  # noqa: ANN401 (any JSON value)
    text = record.get(name)
    return None if text is None else json.loads(str(text))
