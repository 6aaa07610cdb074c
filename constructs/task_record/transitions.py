"""The writes that change a record: claim, renew, release, finish, cancel, give up, and the writes of the reconciler.

Submit, which creates the record, is in `submission`.

Every function is pure: it receives the time and returns the write. All times are epoch milliseconds.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from task_record import table
from task_record.condition import Absent, All, AnyOf, Condition, Is
from task_record.protocol_times import DAY_S, ProtocolTimes
from task_record.status import Status
from task_record.table import Item, Scalar
from task_record.transition import Transition

ERROR_MAX_BYTES: Final = 8 * 1024
"""Maximum size of `error` in a record. Longer messages are truncated: each heartbeat is billed by the item's size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRef:
    """Identity of a task: the parts of its record's key."""

    owner: str
    id: str
    submission: str

    @property
    def key(self) -> Item:
        """Key of the task's record."""
        return table.meta_key(self.owner, self.id, self.submission)

    @classmethod
    def of_record(cls, record: Item) -> Self:
        """The task of a record, or of its entry in an index.

        The id is taken from the key: the attribute `id` is spelled as the caller wrote it.
        """
        owner, _, task_id = str(record[table.PK]).removeprefix(table.TASK_PK_PREFIX).rpartition("#")
        return cls(owner=owner, id=task_id, submission=str(record[table.SK]).removeprefix(table.META_SK_PREFIX))


def claim(
    task: TaskRef,
    *,
    claim_id: str,
    now_ms: int,
    times: ProtocolTimes,
    creates: Mapping[str, Scalar] | None = None,
) -> Transition:
    """Claim a task: the record is running under `claim_id` until its lease expires.

    Args:
        task: the task.
        claim_id: a new UUID for every receive of a message.
        now_ms: time of the agent's clock.
        times: for lease, clock error and attempts.
        creates: initial attributes of the record, for a message without a submission; `None` for all others, whose
            record must exist.
    """
    condition: Condition = All(
        (
            _unheld(now_ms, times),
            Is(table.ATTEMPTS, "<", times.max_attempts),
            Is(table.EXPIRES_AT, ">", now_ms),
        )
    )
    return Transition(
        name="claim",
        key=task.key,
        condition=AnyOf((Absent(), condition)) if creates is not None else condition,
        sets={
            table.STATUS: Status.RUNNING,
            table.CLAIM: claim_id,
            table.LEASE_UNTIL: now_ms + _milliseconds(times.lease_s),
            table.STARTED_AT: now_ms,
        },
        sets_if_absent={**creates, table.OPEN: 1} if creates is not None else {},
        adds={table.ATTEMPTS: 1},
        removes=(table.PROGRESS,),
        was_done=_running_under(claim_id).holds,
    )


def renew(task: TaskRef, *, claim_id: str, now_ms: int, times: ProtocolTimes, progress: float | None) -> Transition:
    """Renew the lease of a task. A rejection is final: the claim is lost.

    Args:
        task: the task.
        claim_id: the claim that holds it.
        now_ms: time of the agent's clock.
        times: for the lease.
        progress: progress of the inference, 0 to 1; `None` if the runtime does not report it.
    """
    sets: dict[str, Scalar] = {table.LEASE_UNTIL: now_ms + _milliseconds(times.lease_s)}
    if progress is not None:
        sets[table.PROGRESS] = str(round(progress, 3))
    return Transition(name="renew", key=task.key, condition=_running_under(claim_id), sets=sets)


def release(task: TaskRef, *, claim_id: str, keep_attempt: bool) -> Transition:
    """Release a task: return it to the queue.

    Args:
        task: the task.
        claim_id: the claim that held it.
        keep_attempt: whether this claim counts as an attempt, as it does if the runtime failed during the task.
    """
    return Transition(
        name="release",
        key=task.key,
        condition=_running_under(claim_id),
        sets={table.STATUS: Status.QUEUED},
        adds={} if keep_attempt else {table.ATTEMPTS: -1},
        removes=(table.CLAIM, table.LEASE_UNTIL, table.PROGRESS, table.STARTED_AT),
        was_done=lambda old: old.get(table.STATUS) == Status.QUEUED,
    )


def finish(
    task: TaskRef,
    *,
    claim_id: str,
    now_ms: int,
    times: ProtocolTimes,
    result: str | None,
    timings: str,
    error: str | None = None,
) -> Transition:
    """Finish a task: completed or, with an `error`, failed.

    Args:
        task: the task.
        claim_id: the claim that holds it. It remains in the record, to identify the claim that finished the task.
        now_ms: time of the agent's clock.
        times: for the retention of the record.
        result: JSON of the result, if there is one.
        timings: JSON of the timings.
        error: JSON from `error_text`.
    """
    status = Status.COMPLETED if error is None else Status.FAILED
    sets: dict[str, Scalar] = {table.TIMINGS: timings}
    if result is not None:
        sets[table.RESULT] = result
    if error is not None:
        sets[table.ERROR] = error
    return _end(
        "finish",
        task,
        condition=_running_under(claim_id),
        status=status,
        now_ms=now_ms,
        times=times,
        sets=sets,
        was_done=lambda old: (
            old.get(table.CLAIM) == claim_id and old.get(table.STATUS) in {Status.COMPLETED, Status.FAILED}
        ),
    )


def cancel(task: TaskRef, *, now_ms: int, times: ProtocolTimes) -> Transition:
    """Cancel a task for its caller. It is terminal at once; the agent detects it at its next heartbeat."""
    return _end(
        "cancel",
        task,
        condition=AnyOf((Is(table.STATUS, "=", Status.QUEUED), Is(table.STATUS, "=", Status.RUNNING))),
        status=Status.CANCELLED,
        now_ms=now_ms,
        times=times,
        sets={},
        was_done=lambda old: old.get(table.STATUS) == Status.CANCELLED,
        removes=(table.CLAIM,),
    )


def give_up(
    task: TaskRef,
    *,
    now_ms: int,
    times: ProtocolTimes,
    error: str,
    creates: Mapping[str, Scalar] | None = None,
) -> Transition:
    """Give up: fail a task that no agent holds. A valid lease rejects the write.

    Args:
        task: the task.
        now_ms: time of the writer's clock.
        times: for the clock error and the retention of the record.
        error: JSON from `error_text`.
        creates: as for `claim`.
    """
    unheld = _unheld(now_ms, times)
    return _end(
        "give_up",
        task,
        condition=AnyOf((Absent(), unheld)) if creates is not None else unheld,
        status=Status.FAILED,
        now_ms=now_ms,
        times=times,
        sets={table.ERROR: error},
        sets_if_absent=dict(creates or {}),
        was_done=lambda old: old.get(table.STATUS) in {Status.COMPLETED, Status.FAILED, Status.CANCELLED},
        # If the claim stayed, its former holder would mistake this failure for its own finish with a lost response.
        removes=(table.CLAIM,),
    )


def note_published(task: TaskRef, *, now_ms: int) -> Transition:
    """Record that the message of a task was published again. The claim prevents that a duplicate runs.

    Args:
        task: the task.
        now_ms: time of the writer's clock.
    """
    return Transition(
        name="note_published",
        key=task.key,
        condition=Is(table.STATUS, "=", Status.QUEUED),
        sets={table.PUBLISHED_AT: now_ms},
    )


def note_queue(runtime: str, *, empty_runs_before: int | None, is_empty: bool, now_ms: int) -> Transition:
    """Count the consecutive runs that found the queue of a runtime empty. Two concurrent runs count as one.

    Args:
        runtime: name of the runtime.
        empty_runs_before: the count of the previous run; `None` if there is none.
        is_empty: whether this run found the queue empty.
        now_ms: time of the writer's clock.
    """
    condition = Absent() if empty_runs_before is None else Is(table.EMPTY_RUNS, "=", empty_runs_before)
    return Transition(
        name="note_queue",
        key=table.queue_key(runtime),
        condition=condition,
        # DynamoDB deletes the item of a runtime that was removed from the configuration.
        sets={
            table.EMPTY_RUNS: (empty_runs_before or 0) + 1 if is_empty else 0,
            table.TTL: now_ms // 1000 + DAY_S,
        },
    )


def error_text(code: str, message: str, **details: Any) -> str:  # noqa: ANN401 (any JSON value)
    """JSON of an error: `{"code", "message", ...}`, truncated to `ERROR_MAX_BYTES`.

    Args:
        code: a documented error code, such as `timeout`.
        message: what happened.
        details: further JSON values, omitted if the error would be too large.
    """
    text = json.dumps({"code": code, "message": message, **details})
    if len(text.encode()) <= ERROR_MAX_BYTES:
        return text
    # JSON escapes a character to at most 12 bytes (a surrogate pair), so this always fits.
    return json.dumps({"code": code, "message": message[: (ERROR_MAX_BYTES - 256) // 12] + " (cut)"})


def _end(
    name: str,
    task: TaskRef,
    *,
    condition: Condition,
    status: Status,
    now_ms: int,
    times: ProtocolTimes,
    sets: Mapping[str, Scalar],
    was_done: Callable[[Item], bool],
    sets_if_absent: Mapping[str, Scalar] | None = None,
    removes: tuple[str, ...] = (),
) -> Transition:
    return Transition(
        name=name,
        key=task.key,
        condition=condition,
        sets={
            table.STATUS: status,
            table.FINISHED_AT: now_ms,
            table.TTL: (now_ms + _milliseconds(times.record_ttl_s)) // 1000,
            **sets,
        },
        sets_if_absent=sets_if_absent or {},
        removes=(table.OPEN, table.LEASE_UNTIL, table.PROGRESS, *removes),
        was_done=was_done,
    )


def _unheld(now_ms: int, times: ProtocolTimes) -> Condition:
    # The clock error is the tolerance of the reader: a lease has expired once it has expired on every clock.
    lapsed = Is(table.LEASE_UNTIL, "<", now_ms - _milliseconds(times.clock_error_s))
    return AnyOf((Is(table.STATUS, "=", Status.QUEUED), All((Is(table.STATUS, "=", Status.RUNNING), lapsed))))


def _running_under(claim_id: str) -> Condition:
    return All((Is(table.STATUS, "=", Status.RUNNING), Is(table.CLAIM, "=", claim_id)))


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
