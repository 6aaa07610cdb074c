"""Any sequence of writes on several submissions of one owner keeps the guarantees of each of them.

Agents whose clocks differ within the clock error claim, renew, release and finish; callers submit and cancel;
handlers give up; requests and replies are lost and writes repeated; time passes. A former
holder of a claim may write under it at any later time, like a process that was suspended.
"""

from dataclasses import dataclass, replace
from itertools import count
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from task_record import table, transitions
from task_record.message import TaskMessage
from task_record.protocol_times import DAY_S, ProtocolTimes
from task_record.status import TERMINAL, Status
from task_record.submission import IDEMPOTENCY_INDEX, META_INDEX, Idempotency, Submission, first_attributes
from task_record.table import Item
from task_record.transition import Transition
from task_record.transitions import TaskRef
from tests.unit.task_record.history_rules import WEAKENED, Rules, weakened
from tests.unit.task_record.table_model import Fate, TableModel

OWNER = "key1"
TIMES = ProtocolTimes(clock_error_s=8, visibility_s=38, max_attempts=2)
"""A clock error and a number of attempts that a random history reaches quickly."""
START_MS = 1_800_000_000_000
LEASE_MS = round(TIMES.lease_s * 1000)
HALF_THE_CLOCK_ERROR_MS = round(TIMES.clock_error_s * 500)

IDS = st.sampled_from(["a", "b"])
SKEWS_MS = st.sampled_from([-HALF_THE_CLOCK_ERROR_MS, 0, HALF_THE_CLOCK_ERROR_MS])
ANSWERED, REPLY_LOST, REQUEST_LOST = "answered", "reply lost", "request lost"
CALLS = st.sampled_from([ANSWERED, ANSWERED, REPLY_LOST, REQUEST_LOST])
PAUSES_MS = st.sampled_from(
    [0, 0, 1_000, LEASE_MS - 8_000, LEASE_MS - 4_000, LEASE_MS - 1_000, LEASE_MS + 16_001, DAY_S * 1000]
)


@dataclass
class Claim:
    """A claim of an agent, successful or with a lost response.

    Attributes:
        task: the task.
        claim_id: id of the claim.
        skew_ms: clock of the agent minus the table's clock.
        computes_until_ms: latest stop of its runtime; 0 if it has stopped or never started.
        unanswered: its write with a lost response.
    """

    task: TaskRef
    claim_id: str
    skew_ms: int
    computes_until_ms: int = 0
    unanswered: "Sent | None" = None


@dataclass(frozen=True)
class Sent:
    """A write that is retried unchanged until it has a response."""

    write: Transition
    task: TaskRef
    sent_at_ms: int
    claim: Claim | None = None


class TaskWrites(RuleBasedStateMachine):
    protocol: ClassVar[Rules] = Rules()
    times: ClassVar[ProtocolTimes] = TIMES

    tasks: Bundle[TaskRef] = Bundle("tasks")
    claims: Bundle[Claim] = Bundle("claims")
    others_writes: Bundle[Sent] = Bundle("others_writes")

    def __init__(self) -> None:
        super().__init__()
        self.now_ms = START_MS
        self.table = TableModel()
        self.creates: dict[TaskRef, Item] = {}
        self.made: list[Claim] = []
        self.answers: dict[str, tuple[str, str, int]] = {}
        self.numbers = count(1)

    def may_grow(self) -> bool:
        # Few tasks, so that each has many events.
        return len(self.table.fates) < 3

    @precondition(lambda self: self.may_grow())
    @rule(target=tasks, task_id=IDS)
    def publish(self, task_id: str) -> TaskRef:
        task = self._new_task(task_id)
        self.table.fates[task] = Fate()
        message = TaskMessage(id=task_id, runtime=None, tasktype=None)
        max_age_ms = round(TIMES.max_task_age_s * 1000)
        self.creates[task] = first_attributes(
            task, message, runtime="sd", sent_at_ms=self.now_ms, max_age_ms=max_age_ms
        )
        return task

    @precondition(lambda self: self.may_grow())
    @rule(
        target=tasks,
        task_id=IDS,
        key=st.sampled_from(["", "once", "twice"]),
        body=st.sampled_from(["cat", "dog"]),
        age_s=st.sampled_from([60, TIMES.max_task_age_s]),
    )
    def submit(self, task_id: str, key: str, body: str, age_s: float) -> TaskRef | MultipleResults[TaskRef]:
        task = self._new_task(task_id)
        submission = Submission(
            task=task,
            message=TaskMessage(id=task_id, runtime="sd", tasktype="text-to-image", owner=OWNER),
            message_text="{}",
            api_key_id=OWNER,
            submitted_at_ms=self.now_ms,
            expires_at_ms=self.now_ms + round(age_s * 1000),
            idempotency=Idempotency(header=key, body_hash=body, answer=task.submission) if key else None,
        )
        reasons = self.table.submit(submission)
        first = self.answers.get(key)
        if first is not None and self.now_ms // 1000 <= first[2]:
            kept = reasons[IDEMPOTENCY_INDEX] if reasons else None
            assert kept is not None, "a second task was made under one key"
            assert (kept[table.BODY_HASH], kept[table.ANSWER]) == first[:2]
            assert self.table.get(task.key) is None
            return multiple()
        assert not reasons, "a submission was refused"
        if key:
            self.answers[key] = (body, task.submission, self.now_ms // 1000 + DAY_S)
        # Its response was lost: the old record has this very submission.
        repeated = self.table.submit(submission)[META_INDEX]
        assert repeated == self.table.get(task.key)
        return task

    @rule(target=claims, task=tasks, pause_ms=PAUSES_MS, skew_ms=SKEWS_MS, call=CALLS)
    def claim(self, task: TaskRef, pause_ms: int, skew_ms: int, call: str) -> Claim | MultipleResults[Claim]:
        self.now_ms += pause_ms
        creates = self.creates.get(task)
        if creates is not None and int(creates[table.EXPIRES_AT]) <= self.now_ms + skew_ms:
            # Without a record, no `expires_at` can reject the claim, so the agent checks it itself.
            self.give_up(task, skew_ms, call)
            return multiple()
        claim = Claim(task, f"claim {next(self.numbers)}", skew_ms)
        self.made.append(claim)
        write = transitions.claim(
            task,
            claim_id=claim.claim_id,
            now_ms=self.now_ms + skew_ms,
            times=self.times,
            creates=creates,
        )
        claim.unanswered = self._call(Sent(write, task, self.now_ms, claim), call)
        return claim

    @rule(claim=claims)
    def repeat(self, claim: Claim) -> None:
        if claim.unanswered is not None:
            claim.unanswered = self._call(claim.unanswered, ANSWERED, repeats=True)

    @rule(claim=claims, progress=st.sampled_from([None, 0.5]), call=CALLS)
    def renew(self, claim: Claim, progress: float | None, call: str) -> None:
        now_ms = self.now_ms + claim.skew_ms
        write = transitions.renew(
            claim.task, claim_id=claim.claim_id, now_ms=now_ms, times=self.times, progress=progress
        )
        claim.unanswered = self._call(Sent(write, claim.task, self.now_ms, claim), call)

    @rule(claim=claims, keep_attempt=st.booleans(), call=CALLS)
    def release(self, claim: Claim, keep_attempt: bool, call: str) -> None:
        claim.computes_until_ms = 0
        write = transitions.release(claim.task, claim_id=claim.claim_id, keep_attempt=keep_attempt)
        claim.unanswered = self._call(Sent(write, claim.task, self.now_ms, claim), call)

    @rule(claim=claims, error=st.sampled_from([None, "{}"]), call=CALLS)
    def finish(self, claim: Claim, error: str | None, call: str) -> None:
        claim.computes_until_ms = 0
        write = transitions.finish(
            claim.task,
            claim_id=claim.claim_id,
            now_ms=self.now_ms + claim.skew_ms,
            times=self.times,
            result="{}",
            timings="{}",
            error=error,
        )
        claim.unanswered = self._call(Sent(write, claim.task, self.now_ms, claim), call)

    @rule(target=others_writes, task=tasks, call=CALLS)
    def cancel(self, task: TaskRef, call: str) -> Sent:
        sent = Sent(transitions.cancel(task, now_ms=self.now_ms, times=self.times), task, self.now_ms)
        self._call(sent, call)
        return sent

    @rule(target=others_writes, task=tasks, skew_ms=SKEWS_MS, call=CALLS)
    def give_up(self, task: TaskRef, skew_ms: int, call: str) -> Sent:
        now_ms, creates = self.now_ms + skew_ms, self.creates.get(task)
        write = transitions.give_up(task, now_ms=now_ms, times=self.times, error="{}", creates=creates)
        sent = Sent(write, task, self.now_ms)
        self._call(sent, call)
        return sent

    @rule(target=others_writes, task=tasks, call=CALLS)
    def note_published(self, task: TaskRef, call: str) -> Sent:
        sent = Sent(transitions.note_published(task, now_ms=self.now_ms), task, self.now_ms)
        self._call(sent, call)
        return sent

    @rule(sent=others_writes)
    def repeat_anothers(self, sent: Sent) -> None:
        self._call(sent, ANSWERED, repeats=True)

    @rule(pause_ms=PAUSES_MS)
    def time_passes(self, pause_ms: int) -> None:
        self.now_ms += pause_ms

    @invariant()
    def no_task_is_held_twice(self) -> None:
        for task in self.table.fates:
            assert len(self._computing(task)) <= 1, "two live claims"

    @invariant()
    def every_record_matches_its_history(self) -> None:
        for task, fate in self.table.fates.items():
            assert fate.ends == (fate.status in TERMINAL), "a terminal record was written again"
            item = self.table.get(task.key)
            if item is None:
                assert not fate.status
                continue
            assert item[table.STATUS] == fate.status
            assert item.get(table.ATTEMPTS, 0) == fate.attempts
            assert 0 <= fate.attempts <= TIMES.max_attempts, "more attempts than are allowed"
            assert item.get(table.CLAIM, "") == (fate.holder or fate.finished_by), "the record names another claim"
            assert (table.OPEN in item, table.TTL in item) == (fate.ends == 0, fate.ends == 1)
            assert (table.LEASE_UNTIL in item) == (fate.status == Status.RUNNING)

    def teardown(self) -> None:
        self.now_ms += LEASE_MS + 3 * HALF_THE_CLOCK_ERROR_MS + 1
        for task in [*self.table.fates]:
            self.give_up(task, 0, ANSWERED)
            assert self.table.fates[task].status in {*TERMINAL, ""}, "a task can never end"

    def _new_task(self, task_id: str) -> TaskRef:
        return TaskRef(owner=OWNER, id=task_id, submission=f"{next(self.numbers):026}")

    def _computing(self, task: TaskRef) -> list[Claim]:
        return [claim for claim in self.made if claim.task == task and claim.computes_until_ms > self.now_ms]

    def _call(self, sent: Sent, call: str, *, repeats: bool = False) -> Sent | None:
        """Send a write, and return it if it must be retried."""
        if call == REQUEST_LOST:
            return sent
        claim_id = sent.claim.claim_id if sent.claim else ""
        write, fate = weakened(sent.write, self.protocol), self.table.fates[sent.task]
        old = self.table.get(write.key)
        new = write.apply(old)
        if new is not None:
            self._check(sent, new)
            self.table.put(new)
            fate.note(write, claim_id)
        if call == REPLY_LOST:
            return sent
        done = new is None and old is not None and write.was_done(old)
        if repeats and new is None:
            assert done == fate.counts_as_done(write, claim_id), f"a refused {write.name} was taken for {done}"
        if sent.claim is not None and write.name in {"claim", "renew"}:
            # The deadline counts from the first send. The interrupt uses the rest of the lease.
            sent.claim.computes_until_ms = sent.sent_at_ms + LEASE_MS if new is not None or done else 0
        return None

    def _check(self, sent: Sent, new: Item) -> None:
        if sent.write.name == "claim" and sent.claim is not None:
            asked_at_ms = sent.sent_at_ms + sent.claim.skew_ms
            assert int(new[table.EXPIRES_AT]) > asked_at_ms, "a task was claimed after it had expired"
        if sent.write.name == "give_up":
            assert not self._computing(sent.task), "a task was given up while it was held"
        if sent.write.name == "note_published":
            assert new == {**(self.table.get(sent.task.key) or {}), table.PUBLISHED_AT: sent.sent_at_ms}
            assert new[table.STATUS] == Status.QUEUED


@pytest.mark.parametrize("examples", [60, pytest.param(2_000, marks=pytest.mark.soak)])
def test_any_sequence_of_writes_keeps_the_promises(examples: int) -> None:
    run_state_machine_as_test(TaskWrites, settings=settings(max_examples=examples, stateful_step_count=40))


SELDOM_MET = frozenset(
    {
        "expired_task_is_not_claimed",
        "renew_only_under_the_claim",
        "finish_only_under_the_claim",
        "give_up_takes_the_claim_away",
    }
)
"""Rules whose absence shows after hundreds of random histories; test_histories finds it at once."""


@pytest.mark.parametrize(
    ("times", "rules"),
    [
        pytest.param(replace(TIMES, max_attempts=9), Rules(), id="attempts", marks=pytest.mark.soak),
        *(
            pytest.param(TIMES, Rules(**{name: False}), id=name, marks=[pytest.mark.soak] if name in SELDOM_MET else [])
            for name in WEAKENED
        ),
    ],
)
def test_a_weaker_write_is_found(times: ProtocolTimes, rules: Rules) -> None:
    weaker = type("WeakerWrites", (TaskWrites,), {"times": times, "protocol": rules})
    with pytest.raises(AssertionError):
        run_state_machine_as_test(
            weaker,
            settings=settings(
                max_examples=1_000,
                stateful_step_count=40,
                phases=[Phase.generate],
                derandomize=True,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )


@pytest.mark.parametrize(("clock_error_s", "live"), [(TIMES.clock_error_s, 1), (0, 2)])
def test_a_lease_is_kept_from_a_faster_clock_by_the_clock_error_alone(clock_error_s: float, live: int) -> None:
    # A second before the end of the lease, which random histories rarely reach.
    machine = type("WeakerWrites", (TaskWrites,), {"times": replace(TIMES, clock_error_s=clock_error_s)})()
    task = machine.publish("a")
    machine.claim(task, 0, -HALF_THE_CLOCK_ERROR_MS, ANSWERED)
    machine.claim(task, LEASE_MS - 1_000, HALF_THE_CLOCK_ERROR_MS, ANSWERED)
    assert len(machine._computing(task)) == live
