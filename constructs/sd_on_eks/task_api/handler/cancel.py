"""Cancels a task for its caller."""

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
    """Cancel a task of a caller, with two calls, or with one if the submission is given.

    The task is cancelled at once. An agent that runs it notices this with its next heartbeat.

    Args:
        store: the task table.
        owner: the caller.
        task_id: id of the task.
        submission: id of the submission; `None` for the newest.
        now_ms: the current time, epoch milliseconds.
        times: times of the task protocol.

    Returns:
        The record of the cancelled task, also if it was cancelled before.

    Raises:
        ApiError: 404 if the caller has no such task; 409 if it has completed or failed; 503 if the table is
            unavailable.
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
