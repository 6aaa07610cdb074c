"""Cancelling a task at its caller's word."""

from task_record import table
from task_record.protocol_times import ProtocolTimes
from task_record.status import Status
from task_record.table import Item
from task_record.transitions import TaskRef

from .errors import task_ended, unknown_task
from .task_store import TaskStore


def cancel_task(
    store: TaskStore, owner: str, task_id: str, submission: str | None, *, now_ms: int, times: ProtocolTimes
) -> Item:
    """Cancel a task of a caller: two calls, or one where the submission is named.

    It is cancelled at once; an agent that holds it learns it at its next beat.

    Args:
        store: the task table.
        owner: the caller.
        task_id: the id.
        submission: which submission; the newest where it is `None`.
        now_ms: the time.
        times: how long the record is kept.

    Returns:
        The record, cancelled; also where it was already.

    Raises:
        ApiError: 404 where the caller has no such task, 409 where it has ended otherwise, 503 where the table does not
            answer.
    """
    if submission is None:
        newest = store.find(owner, task_id, None)
        if newest is None:
            raise unknown_task(task_id)
        submission = str(newest[table.SUBMISSION])
    task = TaskRef(owner=owner, id=task_id, submission=submission)
    record = store.cancel(task, now_ms=now_ms, times=times)
    if record is None:
        raise unknown_task(task_id)
    if record[table.STATUS] != Status.CANCELLED:
        raise task_ended(str(record[table.STATUS]))
    return record
