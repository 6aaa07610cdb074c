"""Lists the tasks of a caller, page by page."""

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
"""Maximum number of tasks of a page."""

PARAMETERS: Final = ("runtime", "status", "limit", "next")
"""Query parameters."""

_LATEST_MS: Final = 2**53
_KEY_MAX_LENGTH: Final = 256
_DIGEST_LENGTH: Final = 12


def list_tasks(store: TaskStore, runtimes: Runtimes, owner: str, query: dict[str, str]) -> dict[str, Any]:
    """List tasks of a caller for one runtime, newest first, with one call.

    Args:
        store: the task table.
        runtimes: the runtimes of the deployment.
        owner: the caller.
        query: values of `PARAMETERS`; `runtime` is required.

    Returns:
        `{"tasks": [...], "next"?: "..."}`; the last page has no `next`. With a status, a page can have fewer tasks than
        its limit, or none, and still not be the last.

    Raises:
        ApiError: 400 if a parameter is invalid; 404 if the runtime is unknown; 503 if the table is unavailable.
    """
    if "runtime" not in query:
        raise invalid("runtime", "must be the name of a runtime, got nothing; add ?runtime=NAME to the URL")
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
    """A cursor for the next page. It has no owner: the next page always has tasks of the caller, with any cursor."""
    task = TaskRef.of_record(last)
    place = [task.id, task.submission, last[table.SUBMITTED_AT], _digest(task.owner, str(last[table.RUNTIME]))]
    return base64.urlsafe_b64encode(json.dumps(place, separators=(",", ":")).encode()).decode().rstrip("=")


def _start(cursor: str, owner: str, runtime: str) -> Item:
    """Key of the last record of a page.

    Raises:
        ApiError: the cursor is invalid, or is from another list.
    """
    not_ours = invalid(
        "next",
        "must be `next` of the previous page for the same runtime and API key, got another value; omit it to start "
        "with the first page",
    )
    try:
        task_id, submission, submitted_at, digest = json.loads(
            base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        )
    except (binascii.Error, ValueError, TypeError, RecursionError):
        raise not_ours from None
    is_key = all(isinstance(part, str) and 1 <= len(part) <= _KEY_MAX_LENGTH for part in (task_id, submission))
    is_time = type(submitted_at) is int and 0 <= submitted_at < _LATEST_MS
    if not is_key or not is_time or digest != _digest(owner, runtime):
        raise not_ours
    return {
        **table.meta_key(owner, task_id, submission),
        table.OWNER: owner,
        table.RUNTIME: runtime,
        table.SUBMITTED_AT: submitted_at,
    }


def _digest(owner: str, runtime: str) -> str:
    # Detects the cursor of another list. It needs no secret: `_start` does not read the owner from the cursor.
    return hashlib.sha256(f"{owner}\n{runtime}".encode()).hexdigest()[:_DIGEST_LENGTH]
