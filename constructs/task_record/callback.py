"""The message on the output topic that reports the status of a task.

It is built only from the record, so a repeated delivery is identical. `event_id` identifies the event and not the
delivery.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Final

from task_record import table
from task_record.object_keys import task_folder
from task_record.result import truncations
from task_record.status import Status
from task_record.table import Item

CALLBACK_MAX_BYTES: Final = 200 * 1024
"""A larger `result` is truncated step by step. The last step leaves only the URL of the `.out` object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """A message for the output topic.

    Attributes:
        body: JSON text.
        attributes: message attributes, `runtime` and `status`.
    """

    body: str
    attributes: dict[str, str]


def callback_of(record: Item, bucket: str) -> Callback:
    """Build the callback for the current state of a record.

    Args:
        record: a META item, terminal or running. The callback of a running task has no progress and no result.
        bucket: the output bucket, for `output_url`.
    """
    status = Status(str(record[table.STATUS]))
    event = [str(record[table.SUBMISSION]), status.value]
    if status is Status.RUNNING:
        event.append(str(record[table.CLAIM]))
    result = _json(record, table.RESULT) if status.is_terminal else None
    folder = task_folder(str(record[table.ID]), _text(record, table.PREFIX))
    body: dict[str, Any] = {
        "event_id": hashlib.sha256("\n".join(event).encode()).hexdigest(),
        "id": record[table.ID],
        "id_task": record[table.ID],
        "submission": record[table.SUBMISSION],
        "runtime": record.get(table.RUNTIME),
        "status": status.value,
        "result": result,
        "image_url": (result or {}).get("image_url", []),
        "output_url": (result or {}).get("output_url", f"s3://{bucket}/{folder}"),
        "context": _json(record, table.CONTEXT),
        "timings": {
            "submitted_at_ms": record.get(table.SUBMITTED_AT),
            "started_at_ms": record.get(table.STARTED_AT),
            "finished_at_ms": record.get(table.FINISHED_AT),
            **(_json(record, table.TIMINGS) or {}),
        },
    }
    error = _json(record, table.ERROR)
    if error is not None:
        body["error"] = error
    return Callback(body=_bounded(body), attributes={"runtime": str(record.get(table.RUNTIME)), "status": status.value})


def _bounded(body: dict[str, Any]) -> str:
    """JSON of a callback within the size limit of the topic."""
    results = truncations(body["result"]) if body["result"] else (None,)
    for result in results:
        text = json.dumps({**body, "result": result})
        if len(text.encode()) <= CALLBACK_MAX_BYTES:
            return text
    return json.dumps({**body, "result": None, "image_url": []})


def _json(record: Item, name: str) -> Any:  # noqa: ANN401 (any JSON value)
    text = record.get(name)
    return None if text is None else json.loads(str(text))


def _text(record: Item, name: str) -> str | None:
    value = record.get(name)
    return None if value is None else str(value)
