"""The state of one submission and its agents, as a value.

Time is counted in ticks of one second, and every stored time is relative to now, so that the number of states is
finite.

    agent      idle -> asked -> holding -> inferring -> delivering -> stored -> idle
                                           |    |  \\______________\\-> failing -> idle
                                           |    \\-> stalled -> failing
                                           \\-> stopping -> idle
    message    exists until it is deleted or lost; a visibility timeout is only a hint, so it may be
               received at any time. If it is published again, it exists twice.
"""

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from task_record import table, transitions
from task_record.protocol_times import ProtocolTimes
from task_record.status import TERMINAL
from task_record.table import Item
from task_record.transition import Transition
from task_record.transitions import TaskRef
from tests.unit.task_record.history_rules import Rules, weakened

TIMES: Final = ProtocolTimes(
    clock_error_s=1, beat_s=1, table_call_timeout_s=1, interrupt_s=1, lease_s=4, visibility_s=5, max_attempts=2
)
TASK: Final = TaskRef(owner="o", id="t", submission="s")
NOW_MS: Final = 1_000_000
FOREVER_MS: Final = 1_000_000
"""More than any lease or skew."""

IDLE: Final = "idle"
ASKED: Final = "asked"
"""The claim was sent, and its response was lost."""
HOLDING: Final = "holding"
INFERRING: Final = "inferring"
STALLED: Final = "stalled"
"""An inference that never ends."""
STOPPING: Final = "stopping"
DELIVERING: Final = "delivering"
STORED: Final = "stored"
STORED_APART: Final = "stored apart"
"""Stored with the next tag, because the first key already existed."""
FAILING: Final = "failing"
"""Only the failure must still be written."""
DOWN: Final = "down"
"""The agent's process has exited, and its runtime continues the inference."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits of each fault in one history."""

    faults: int = 2
    lost_replies: int = 1
    claims: int = 3
    losses: int = 0
    republishes: int = 0
    has_submission: bool = True
    """Whether a submit created the record; otherwise the first claim does."""
    is_cancelled: bool = True
    """Whether the caller may cancel."""
    expires: bool = False
    """Whether the task may reach its `expires_at`."""
    is_removed: bool = False
    """Whether the TTL may delete a terminal record before its message."""


class Record(NamedTuple):
    """META: the attributes that the writes read. `lease` is in half ticks from now."""

    status: str
    claim: int = 0
    lease: int = 0
    attempts: int = 0
    is_expired: bool = False

    @property
    def has_ended(self) -> bool:
        """Whether the record is terminal."""
        return self.status in _ENDED


ABSENT: Final = Record("absent")
"""No record yet."""
GONE: Final = Record("gone")
"""The record was deleted by its TTL."""
_ENDED: Final = frozenset({*(str(status) for status in TERMINAL), GONE.status})


class Agent(NamedTuple):
    """One agent and its runtime. `deadline` and `stop` are ticks from now."""

    phase: str = IDLE
    claim: int = 0
    deadline: int = 0
    stop: int = 0
    paused: bool = False
    orphan: bool = False
    """The runtime continues without a fence: its agent was killed or suspended."""
    cut_off: bool = False
    """The agent cannot reach the table, so its lease expires."""


class State(NamedTuple):
    """The complete state."""

    record: Record
    agents: tuple[Agent, Agent]
    messages: int = 1
    finished_by: int = 0
    objects: int = 0
    """The claim whose results have the first key of every claim."""
    inferences: int = 0
    deaths: int = 0
    faults: int = 0
    lost: int = 0
    claims: int = 0
    losses: int = 0
    republishes: int = 0

    def with_agent(self, number: int, agent: Agent, **changes: Any) -> "State":
        """The state with another agent at this index, and other changes."""
        agents = (agent, self.agents[1]) if number == 0 else (self.agents[0], agent)
        return self._replace(agents=agents, **changes)

    def with_message_deleted(self) -> "State":
        """The state without one message. If both agents received it, it is deleted for both."""
        return self._replace(messages=max(self.messages - 1, 0))


class Writes:
    """The writes of the product, applied to a record. `task_record` builds each write, then it is weakened.

    Args:
        rules: the rules of the protocol, some of them removed.
        has_submission: whether the message has a submission.
    """

    def __init__(self, rules: Rules, *, has_submission: bool) -> None:
        self._rules = rules
        makes_record = (
            not rules.claim_makes_no_record_for_a_submission
            if has_submission
            else rules.message_without_a_submission_makes_its_record
        )
        self._creates: Item | None = {table.EXPIRES_AT: NOW_MS + FOREVER_MS} if makes_record else None
        self._times = ProtocolTimes(
            clock_error_s=TIMES.clock_error_s if rules.lease_lapses_beyond_the_clock_error else 0,
            beat_s=TIMES.beat_s,
            table_call_timeout_s=TIMES.table_call_timeout_s,
            interrupt_s=TIMES.interrupt_s,
            lease_s=TIMES.lease_s,
            visibility_s=TIMES.visibility_s,
            max_attempts=TIMES.max_attempts if rules.attempts_are_bounded else 1_000,
        )
        self._known: dict[tuple[Record, str, int, int], tuple[Record | None, bool]] = {}

    def apply(self, record: Record, name: str, claim: int = 0, skew: int = 0) -> tuple[Record | None, bool]:
        """Apply a write.

        Args:
            record: the current record.
            name: a name in `_made`.
            claim: claim of the writer.
            skew: clock of the writer minus the table's clock, in half ticks.

        Returns:
            The new record, `None` if the write was rejected; and whether a rejected write counts as already applied.
        """
        what = (record, name, claim, skew)
        if what not in self._known:
            write = weakened(self._made(name, str(claim), NOW_MS + skew * 500), self._rules)
            old = _item(record)
            new = write.apply(old)
            done = new is None and old is not None and write.was_done(old)
            self._known[what] = (None if new is None else _record(new), done)
        return self._known[what]

    def _made(self, name: str, claim_id: str, now_ms: int) -> Transition:
        rules, times = self._rules, self._times
        if name == "claim":
            return transitions.claim(TASK, claim_id=claim_id, now_ms=now_ms, times=times, creates=self._creates)
        if name == "renew":
            return transitions.renew(TASK, claim_id=claim_id, now_ms=now_ms, times=times, progress=None)
        if name == "release":
            return transitions.release(TASK, claim_id=claim_id, keep_attempt=not rules.released_is_no_attempt)
        if name == "release after a failure":
            return transitions.release(TASK, claim_id=claim_id, keep_attempt=rules.runtime_death_is_an_attempt)
        if name in {"complete", "fail"}:
            error = "{}" if name == "fail" else None
            return transitions.finish(
                TASK, claim_id=claim_id, now_ms=now_ms, times=times, result=None, timings="{}", error=error
            )
        if name == "cancel":
            return transitions.cancel(TASK, now_ms=now_ms, times=times)
        if name == "give up":
            return transitions.give_up(TASK, now_ms=now_ms, times=times, error="{}", creates=self._creates)
        return transitions.note_published(TASK, now_ms=now_ms)


def _item(record: Record) -> Item | None:
    if record in {ABSENT, GONE}:
        return None
    item: Item = {
        **TASK.key,
        table.STATUS: record.status,
        table.ATTEMPTS: record.attempts,
        table.EXPIRES_AT: NOW_MS + (-FOREVER_MS if record.is_expired else FOREVER_MS),
        table.OPEN: 1,
    }
    if record.claim:
        item[table.CLAIM] = str(record.claim)
        item[table.LEASE_UNTIL] = NOW_MS + record.lease * 500
    return item


def _record(item: Item) -> Record:
    lease_ms = item.get(table.LEASE_UNTIL)
    return Record(
        str(item[table.STATUS]),
        int(item.get(table.CLAIM, 0)),
        (int(lease_ms) - NOW_MS) // 500 if lease_ms is not None else 0,
        int(item.get(table.ATTEMPTS, 0)),
        int(item[table.EXPIRES_AT]) <= NOW_MS,
    )
