"""The writes of the task protocol that change a record (W2 to W7), and the reconciler's notes.

W1, which makes the record, stands in `submission`.

Every function is pure: it takes the time and returns the write. All times are epoch milliseconds.
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
"""Largest `error` of a record; longer texts are cut (an item holds 400 KB, and a heartbeat pays for its size)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRef:
    """Which task: the parts of its record's key."""

    owner: str
    id: str
    submission: str

    @property
    def key(self) -> Item:
        """Key of the task's record."""
        return table.meta_key(self.owner, self.id, self.submission)

    @classmethod
    def of_record(cls, record: Item) -> Self:
        """Read the key of a record, or of its entry in an index.

        The attribute `id` may be spelled otherwise than in the key: as the caller did.
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
    """W2: take the task: the record runs under `claim_id` until its lease ends.

    Args:
        task: the task.
        claim_id: fresh for every receipt of a message.
        now_ms: the agent's clock.
        times: lease, clock error and attempts.
        creates: first attributes of the record of a message that came without a submission; `None` for all others,
            whose record must be there.
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
    """W3: hold the task for one more lease. A refusal is final: the task is no longer mine.

    Args:
        task: the task.
        claim_id: the claim that holds it.
        now_ms: the agent's clock.
        times: the lease.
        progress: share of the inference that is done, 0 to 1, where the runtime tells it.
    """
    sets: dict[str, Scalar] = {table.LEASE_UNTIL: now_ms + _milliseconds(times.lease_s)}
    if progress is not None:
        sets[table.PROGRESS] = str(round(progress, 3))
    return Transition(name="renew", key=task.key, condition=_running_under(claim_id), sets=sets)


def release(task: TaskRef, *, claim_id: str, keep_attempt: bool) -> Transition:
    """W4: give the task back to the queue.

    Args:
        task: the task.
        claim_id: the claim that held it.
        keep_attempt: whether this claim counts as an attempt: so where the runtime died or reset under the task.
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
    """W5: end the task, completed or, with an `error`, failed.

    Args:
        task: the task.
        claim_id: the claim that holds it; it stays in the record, which so names the claim that ended the task.
        now_ms: the agent's clock.
        times: how long the record is kept.
        result: JSON text of the result, where there is one.
        timings: JSON text of the timings.
        error: JSON text from `error_text`.
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
    """W6: cancel at the caller's word; terminal at once, the agent learns it at its next beat."""
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
    """W7: fail a task that nobody holds; a live lease refuses it.

    Args:
        task: the task.
        now_ms: the writer's clock.
        times: clock error, and how long the record is kept.
        error: JSON text from `error_text`.
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
        # With the claim left in place, its late holder would take this failure for its own lost finish.
        removes=(table.CLAIM,),
    )


def note_published(task: TaskRef, *, now_ms: int) -> Transition:
    """Note that the message of a task was published again; the claim fences doubles.

    Args:
        task: the task.
        now_ms: the writer's clock.
    """
    return Transition(
        name="note_published",
        key=task.key,
        condition=Is(table.STATUS, "=", Status.QUEUED),
        sets={table.PUBLISHED_AT: now_ms},
    )


def note_queue(runtime: str, *, empty_runs_before: int | None, is_empty: bool, now_ms: int) -> Transition:
    """Count the runs in a row that found the queue of a runtime empty; two runs at the same time count as one.

    Args:
        runtime: name of the runtime.
        empty_runs_before: what the last run noted; `None` where nothing is noted.
        is_empty: whether this run found it empty.
        now_ms: the writer's clock.
    """
    condition = Absent() if empty_runs_before is None else Is(table.EMPTY_RUNS, "=", empty_runs_before)
    return Transition(
        name="note_queue",
        key=table.queue_key(runtime),
        condition=condition,
        # The note of a runtime that is removed goes by itself.
        sets={
            table.EMPTY_RUNS: (empty_runs_before or 0) + 1 if is_empty else 0,
            table.TTL: now_ms // 1000 + DAY_S,
        },
    )


def error_text(code: str, message: str, **details: Any) -> str:  # noqa: ANN401 (any JSON value)
    """JSON text of an error: `{"code", "message", ...}`, cut to `ERROR_MAX_BYTES`.

    Args:
        code: one word of the documented list, such as `timeout`.
        message: what happened, in the words of whom it happened to.
        details: further JSON values; left out where the whole would be too long.
    """
    text = json.dumps({"code": code, "message": message, **details})
    if len(text.encode()) <= ERROR_MAX_BYTES:
        return text
    # JSON escapes a character to at most 12 bytes (a surrogate pair), so this is short enough whatever it holds.
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
    # The clock error is the reader's tolerance: a lease counts as lapsed once it has for every clock.
    lapsed = Is(table.LEASE_UNTIL, "<", now_ms - _milliseconds(times.clock_error_s))
    return AnyOf((Is(table.STATUS, "=", Status.QUEUED), All((Is(table.STATUS, "=", Status.RUNNING), lapsed))))


def _running_under(claim_id: str) -> Condition:
    return All((Is(table.STATUS, "=", Status.RUNNING), Is(table.CLAIM, "=", claim_id)))


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
