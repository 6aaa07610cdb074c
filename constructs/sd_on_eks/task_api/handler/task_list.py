"""A caller's tasks, page by page."""

import base64
import binascii
import hashlib
import json
from typing import Any, Final

from task_record import table
from task_record.status import Status
from task_record.table import Item
from task_record.transitions import TaskRef

from .errors import invalid
from .runtimes import Runtimes
from .task_store import TaskStore
from .task_view import listed_task

DEFAULT_LIMIT: Final = 20
MAX_LIMIT: Final = 100
"""Tasks of a page."""

PARAMETERS: Final = ("runtime", "status", "limit", "next")
"""Of the query."""

_LATEST_MS: Final = 2**53
_KEY_MAX_LENGTH: Final = 256
_DIGEST_LENGTH: Final = 12


def list_tasks(store: TaskStore, runtimes: Runtimes, owner: str, query: dict[str, str]) -> dict[str, Any]:
    """List tasks of a caller for one runtime, newest first; one call.

    Args:
        store: the task table.
        runtimes: all that there are.
        owner: the caller.
        query: `PARAMETERS`; `runtime` is needed.

    Returns:
        `{"tasks": [...], "next"?: "..."}`; without `next` it was the last page. With a status, a page may have fewer
        tasks than its limit, even none, and yet not be the last.

    Raises:
        ApiError: a parameter is wrong, or the table does not answer.
    """
    if "runtime" not in query:
        raise invalid("runtime", "is missing; name the runtime whose tasks are to be listed")
    runtime = runtimes.named(query["runtime"], "runtime").name
    tasks, last = store.page(
        owner,
        runtime,
        status=_status(query.get("status")),
        limit=_limit(query.get("limit")),
        start=_start(query["next"], owner, runtime) if "next" in query else None,
    )
    page: dict[str, Any] = {"tasks": [listed_task(task) for task in tasks]}
    if last is not None:
        page["next"] = _cursor(last)
    return page


def _status(text: str | None) -> Status | None:
    if text is None:
        return None
    try:
        return Status(text)
    except ValueError:
        raise invalid("status", f"must be one of {', '.join(Status)}, got {text[:60]!r}") from None


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(MAX_LIMIT)) else 0
    if not 1 <= number <= MAX_LIMIT:
        raise invalid("limit", f"must be 1 to {MAX_LIMIT}, got {text[:60]!r}")
    return number


def _cursor(last: Item) -> str:
    """Where a page ended. It names no owner: the next page begins in the caller's own tasks, whatever is sent."""
    task = TaskRef.of_record(last)
    place = [task.id, task.submission, last[table.SUBMITTED_AT], _digest(task.owner, str(last[table.RUNTIME]))]
    return base64.urlsafe_b64encode(json.dumps(place, separators=(",", ":")).encode()).decode().rstrip("=")


def _start(cursor: str, owner: str, runtime: str) -> Item:
    """Key of the record at which a page ended.

    Raises:
        ApiError: the cursor is none of these tasks'.
    """
    foreign = invalid("next", "is none that this list has answered for this runtime and API key; begin without it")
    try:
        task_id, submission, submitted_at, digest = json.loads(
            base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        )
    except (binascii.Error, ValueError, TypeError, RecursionError):
        raise foreign from None
    is_key = all(isinstance(part, str) and 1 <= len(part) <= _KEY_MAX_LENGTH for part in (task_id, submission))
    is_time = type(submitted_at) is int and 0 <= submitted_at < _LATEST_MS
    if not is_key or not is_time or digest != _digest(owner, runtime):
        raise foreign
    return {
        **table.meta_key(owner, task_id, submission),
        table.OWNER: owner,
        table.RUNTIME: runtime,
        table.SUBMITTED_AT: submitted_at,
    }


def _digest(owner: str, runtime: str) -> str:
    # Tells a cursor of another list by mistake. No secret is needed: what it protects, `_start` does not take from it.
    return hashlib.sha256(f"{owner}\n{runtime}".encode()).hexdigest()[:_DIGEST_LENGTH]
