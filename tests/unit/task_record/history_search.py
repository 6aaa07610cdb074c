"""An explicit search over the histories of one submission, on the very functions that the product sends.

Two agents with a runtime each, one message that may be delivered at any time and any number of times, lost replies,
crashes, pauses, runtime deaths, a cancel, a dead-letter handler, a queue that loses the message, a reconciler that
publishes it again, and clocks that differ. Time is counted in ticks of one second, and every stored time is relative to
now, so that the number of states is finite.

    agent      idle -> asked (W2 sent, reply lost) -> holding -> inferring -> delivering -> idle
                                                                     \\-> stopping -> idle
    message    is there until somebody deletes it or it is lost; a visibility timeout is only a hint, so the search
               ignores it. Published again it is there twice.

A `Rules` field that is False is a rule of the protocol taken away; the search must then find a violation.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

from task_record import table, transitions
from task_record.protocol_times import ProtocolTimes
from task_record.status import Status
from task_record.table import Item
from task_record.transition import Transition
from task_record.transitions import TaskRef

TIMES = ProtocolTimes(
    clock_error_s=1, beat_s=1, table_call_timeout_s=1, interrupt_s=1, lease_s=4, visibility_s=5, max_attempts=2
)
TASK = TaskRef(owner="o", id="t", submission="s")
NOW_MS = 1_000_000
DEADLINE, STOP = int(TIMES.deadline_s), int(TIMES.interrupt_s)
LONG_LAPSED = -8
"""Leases that ended this many half ticks ago or earlier are alike to every clock."""

IDLE, ASKED, HOLDING, INFERRING, STOPPING, DELIVERING = (
    "idle",
    "asked",
    "holding",
    "inferring",
    "stopping",
    "delivering",
)


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of the protocol, each of which can be taken away."""

    lease_lapses_beyond_the_clock_error: bool = True
    deadline_is_checked_before_the_post: bool = True
    inference_is_interrupted_at_the_deadline: bool = True
    release_only_when_seen_stopped: bool = True
    finish_only_under_the_claim: bool = True
    message_stays_under_a_live_lease: bool = True
    message_is_deleted_last: bool = True
    attempts_are_bounded: bool = True
    give_up_respects_a_live_lease: bool = True
    a_lost_message_is_published_again: bool = True


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much of each fault one history may hold."""

    faults: int = 2
    lost_replies: int = 1
    claims: int = 4
    cancels: int = 1
    give_ups: int = 1
    losses: int = 0
    republishes: int = 0


class Record(NamedTuple):
    """META: the attributes that the protocol's writes read. `lease` is in half ticks from now."""

    status: str
    claim: int
    lease: int
    attempts: int


class Agent(NamedTuple):
    """One agent and its runtime. `deadline` and `stop` are ticks from now."""

    phase: str = IDLE
    claim: int = 0
    deadline: int = 0
    stop: int = 0
    paused: bool = False
    orphan: bool = False
    """The runtime computes on while nobody can fence it: its agent was killed or stopped."""
    cut_off: bool = False
    """The table is out of its reach: its lease runs out although it lives."""


class State(NamedTuple):
    """Everything there is."""

    record: Record
    agents: tuple[Agent, Agent]
    messages: int
    finished_by: int
    inferences: int
    faults: int
    lost: int
    claims: int
    cancels: int
    give_ups: int
    losses: int
    republishes: int


START = State(
    record=Record("queued", 0, 0, 0),
    agents=(Agent(), Agent()),
    messages=1,
    finished_by=0,
    inferences=0,
    faults=0,
    lost=0,
    claims=0,
    cancels=0,
    give_ups=0,
    losses=0,
    republishes=0,
)


class BrokenPromiseError(AssertionError):
    """A promise of the protocol that a history breaks."""


def _item(record: Record) -> Item:
    item: Item = {
        **TASK.key,
        table.STATUS: record.status,
        table.ATTEMPTS: record.attempts,
        table.EXPIRES_AT: NOW_MS + 10_000_000,
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
        int(item[table.ATTEMPTS]),
    )


def _now(skew: int) -> int:
    return NOW_MS + skew * 500  # skews are in half ticks


@cache
def _write(record: Record, name: str, claim: int, skew: int, rules: Rules) -> tuple[Record | None, bool]:
    """The new record, `None` where refused; and whether the refused write had been done before."""
    times = TIMES if rules.lease_lapses_beyond_the_clock_error else _times(clock_error_s=0)
    if not rules.attempts_are_bounded:
        times = _times(max_attempts=1_000)
    claim_id = str(claim)
    made: dict[str, Callable[[], Transition]] = {
        "claim": lambda: transitions.claim(TASK, claim_id=claim_id, now_ms=_now(skew), times=times),
        "renew": lambda: transitions.renew(TASK, claim_id=claim_id, now_ms=_now(skew), times=times, progress=None),
        "release": lambda: transitions.release(TASK, claim_id=claim_id, keep_attempt=False),
        "release after a death": lambda: transitions.release(TASK, claim_id=claim_id, keep_attempt=True),
        "finish": lambda: transitions.finish(
            TASK, claim_id=claim_id, now_ms=_now(skew), times=times, result=None, timings="{}"
        ),
        "cancel": lambda: transitions.cancel(TASK, now_ms=_now(skew), times=times),
        "give up": lambda: transitions.give_up(TASK, now_ms=_now(skew), times=times, error="{}"),
        "note published": lambda: transitions.note_published(TASK, now_ms=_now(skew)),
    }
    write = made[name]()
    old = _item(record)
    new = write.apply(old)
    if new is None:
        return None, write.was_done(old)
    return _record(new), False


def _times(*, clock_error_s: float = TIMES.clock_error_s, max_attempts: int = TIMES.max_attempts) -> ProtocolTimes:
    return ProtocolTimes(
        clock_error_s=clock_error_s,
        beat_s=1,
        table_call_timeout_s=1,
        interrupt_s=1,
        lease_s=4,
        visibility_s=5,
        max_attempts=max_attempts,
    )


def _terminal(record: Record) -> bool:
    return Status(record.status).is_terminal


def _deleted(state: State) -> State:
    # A message that was delivered to both agents is deleted by both.
    return state._replace(messages=max(state.messages - 1, 0))


def _leading_to(ends: list[int], predecessors: list[list[int]]) -> set[int]:
    """Numbers of all states from which one of these can be reached, themselves included."""
    found = set(ends)
    todo = deque(ends)
    while todo:
        for number in predecessors[todo.popleft()]:
            if number not in found:
                found.add(number)
                todo.append(number)
    return found


class Visited:
    """States by numbers: a step between two of a million states is a number, not a copy of the state.

    Attributes:
        states: all of them, as they were found.
        predecessors: for each the states that a step led from.
    """

    def __init__(self, start: State) -> None:
        self.states = [start]
        self.predecessors: list[list[int]] = [[]]
        self._numbers = {start: 0}
        self._found_by: list[tuple[int, str]] = [(0, "")]

    def add(self, origin: int, what: str, state: State) -> None:
        """Note a step to a state."""
        number = self._numbers.setdefault(state, len(self.states))
        if number == len(self.states):
            self.states.append(state)
            self.predecessors.append([])
            self._found_by.append((origin, what))
        self.predecessors[number].append(origin)

    def history(self, number: int, last: str) -> str:
        """The steps that first led to a state, and one more."""
        steps = [last]
        while number:
            number, what = self._found_by[number]
            steps.append(what)
        return "\n    ".join(reversed(steps))


@dataclass
class Search:
    """A breadth-first search.

    Attributes:
        rules: the protocol, or less.
        bounds: how much of each fault.
        skews: clock of each agent minus the table's, in half ticks.
    """

    rules: Rules = field(default_factory=Rules)
    bounds: Bounds = field(default_factory=Bounds)
    skews: tuple[int, int] = (0, 0)
    limit: int = 5_000_000

    def run(self) -> int:
        """Visit every state.

        Returns:
            How many states there are.

        Raises:
            BrokenPromiseError: a promise is broken; the history that breaks it is in the message.
        """
        visited = Visited(START)
        number = 0
        while number < len(visited.states) < self.limit:
            for what, new, broken in self._steps(visited.states[number]):
                if broken:
                    raise BrokenPromiseError(visited.history(number, what) + f"\n    -> {broken}")
                visited.add(number, what, new)
            number += 1
        self._every_history_can_end(visited)
        return len(visited.states)

    def _every_history_can_end(self, visited: Visited) -> None:
        states, predecessors = visited.states, visited.predecessors
        can_end = _leading_to([number for number, state in enumerate(states) if _terminal(state.record)], predecessors)
        can_complete = _leading_to(
            [number for number, state in enumerate(states) if state.record.status == "completed"], predecessors
        )
        for number, state in enumerate(states):
            # Beyond the bound on claims a history is cut off, not stuck.
            if state.claims >= self.bounds.claims:
                continue
            if number not in can_end:
                raise BrokenPromiseError(visited.history(number, "") + "\n    -> the task can never end")
            is_lost = state.messages == 0 and state.record.status == "queued"
            if is_lost and state.record.attempts < TIMES.max_attempts and number not in can_complete:
                raise BrokenPromiseError(visited.history(number, "") + "\n    -> the task can only be ended")

    def _steps(self, state: State) -> Iterator[tuple[str, State, str]]:
        """Every possible next step: what happens, the state after it, and the promise that it breaks, if any."""
        for number in (0, 1):
            for what, new, broken in self._agent_steps(state, number):
                yield f"agent {number}: {what}", new, broken or self._broken(state, new)
        for name, count, bound in (
            ("cancel", state.cancels, self.bounds.cancels),
            ("give up", state.give_ups, self.bounds.give_ups),
        ):
            if count < bound:
                yield from self._handler_step(state, name)
        yield from self._queue_steps(state)
        ticked = self._tick(state)
        if ticked is not None:
            yield "a second passes", ticked, ""

    def _handler_step(self, state: State, name: str) -> Iterator[tuple[str, State, str]]:
        new, _ = _write(state.record, name, 0, 0, self.rules)
        if name == "give up" and not self.rules.give_up_respects_a_live_lease and not _terminal(state.record):
            new = Record("failed", 0, 0, state.record.attempts)
        if new is not None:
            counted = state._replace(
                record=new,
                cancels=state.cancels + (name == "cancel"),
                give_ups=state.give_ups + (name == "give up"),
            )
            yield name, counted, self._broken(state, counted)
            if name == "give up" and self._held_by_live_agent(state):
                yield name, counted, "a task was given up under a live lease"

    def _queue_steps(self, state: State) -> Iterator[tuple[str, State, str]]:
        if state.losses < self.bounds.losses and state.messages > 0:
            yield "a message is lost", state._replace(messages=state.messages - 1, losses=state.losses + 1), ""
        if state.republishes < self.bounds.republishes and self.rules.a_lost_message_is_published_again:
            # The index that says `queued` lags, and the first record was queued: so it may come at any time.
            noted, _ = _write(state.record, "note published", 0, 0, self.rules)
            again = state._replace(
                record=noted or state.record, messages=state.messages + 1, republishes=state.republishes + 1
            )
            yield "is published again", again, self._broken(state, again)

    def _held_by_live_agent(self, state: State) -> bool:
        return state.record.status == "running" and state.record.lease > 0

    def _broken(self, old: State, new: State) -> str:
        if _terminal(old.record) and new.record != old.record:
            return "a terminal record was written again"
        if new.messages < old.messages and not _terminal(new.record):
            return "the message was deleted before the task had ended"
        if new.inferences > 1 + new.faults:
            return f"{new.inferences} inferences with {new.faults} faults"
        if new.record.attempts > TIMES.max_attempts:
            return "more attempts than are allowed"
        if new.record.status == "completed" and new.finished_by != new.record.claim:
            return "the record names a claim that did not finish it"
        if sum(agent.phase in {INFERRING, STOPPING} and not agent.orphan for agent in new.agents) > 1:
            return "two inferences at once"
        return ""

    def _agent_steps(self, state: State, number: int) -> Iterator[tuple[str, State, str]]:
        agent = state.agents[number]
        if agent.paused:
            yield "goes on", self._with(state, number, agent._replace(paused=False)), ""
            return
        if agent.phase == IDLE:
            yield from self._receive(state, number)
        elif agent.phase == ASKED:
            yield from self._repeat_claim(state, number)
        elif agent.phase == HOLDING:
            yield from self._renew(state, number)
            yield from self._post(state, number)
            yield from self._give_back(state, number)
        elif agent.phase == INFERRING:
            yield from self._renew(state, number)
            yield "the runtime answers", self._with(state, number, agent._replace(phase=DELIVERING, orphan=False)), ""
            if agent.deadline <= 0 and agent.cut_off:
                yield from self._stop(state, number)
        elif agent.phase == STOPPING:
            yield from self._give_back(state, number)
        elif agent.phase == DELIVERING:
            yield from self._renew(state, number)
            yield from self._finish(state, number)
        yield from self._faults(state, number)

    def _faults(self, state: State, number: int) -> Iterator[tuple[str, State, str]]:
        agent, faults = state.agents[number], state.faults + 1
        if agent.phase == IDLE or faults > self.bounds.faults:
            return
        if agent.phase == INFERRING:
            yield from self._runtime_dies(state, number)
        if agent.phase != STOPPING and agent.deadline <= 0 and not agent.cut_off:
            yield "cannot reach the table", self._with(state, number, agent._replace(cut_off=True), faults=faults), ""
        yield "crashes, and its runtime with it", self._with(state, number, Agent(), faults=faults), ""
        yield "is paused", self._with(state, number, agent._replace(paused=True), faults=faults), ""

    def _receive(self, state: State, number: int) -> Iterator[tuple[str, State, str]]:
        if state.messages == 0 or state.claims >= self.bounds.claims:
            return
        claim = state.claims + 1
        new, _ = _write(state.record, "claim", claim, self.skews[number], self.rules)
        if new is not None:
            # The lease is kept in whole ticks of true time; a fast clock writes a later one.
            held = Agent(HOLDING, claim, DEADLINE)
            yield f"claims as {claim}", self._with(state, number, held, record=new, claims=claim), ""
            if state.lost < self.bounds.lost_replies:
                asked = Agent(ASKED, claim, DEADLINE)
                after = self._with(state, number, asked, record=new, claims=claim, lost=state.lost + 1)
                yield f"claims as {claim}, and the reply is lost", after, ""
            return
        if _terminal(state.record):
            yield "deletes the message of an ended task", _deleted(state), ""
            return
        given_up, _ = _write(state.record, "give up", 0, self.skews[number], self.rules)
        if given_up is not None:
            # Queued or lapsed, and yet refused: attempts are used up.
            yield "gives up and deletes", _deleted(state)._replace(record=given_up), ""
        elif not self.rules.message_stays_under_a_live_lease:
            yield "deletes under a live lease", _deleted(state), ""

    def _repeat_claim(self, state: State, number: int) -> Iterator[tuple[str, State, str]]:
        agent = state.agents[number]
        new, done = _write(state.record, "claim", agent.claim, self.skews[number], self.rules)
        if new is not None:
            held = Agent(HOLDING, agent.claim, DEADLINE)
            yield "repeats its claim", self._with(state, number, held, record=new), ""
        elif done:
            # The deadline counts from the first send, which wrote the lease that stands.
            yield "learns that its claim stands", self._with(state, number, agent._replace(phase=HOLDING)), ""
        else:
            yield "learns that its claim is gone", self._with(state, number, Agent()), ""

    def _renew(self, state: State, number: int) -> Iterator[tuple[str, State, str]]:
        agent = state.agents[number]
        new, _ = _write(state.record, "renew", agent.claim, self.skews[number], self.rules)
        if new is not None:
            renewed = agent._replace(deadline=DEADLINE, cut_off=False)
            yield "renews", self._with(state, number, renewed, record=new), ""
            if state.lost < self.bounds.lost_replies:
                yield "renews, and the reply is lost", state._replace(record=new, lost=state.lost + 1), ""
        else:
            stopping = agent.phase == INFERRING
            dropped = agent._replace(phase=STOPPING, deadline=0, stop=STOP) if stopping else Agent()
            yield "is refused and drops", self._with(state, number, dropped), ""

    def _post(self, state: State, number: int) -> Iterator[tuple[str, State, str]]:
        agent = state.agents[number]
        if agent.deadline <= 0 and self.rules.deadline_is_checked_before_the_post:
            return
        broken = ""
        if state.record.status in {"completed", "failed"}:
            broken = "an inference began after the task had finished"
        elif state.record.status == "running" and state.record.claim != agent.claim and state.record.lease > 0:
            broken = "an inference began while another claim's lease was valid"
        begun = self._with(state, number, agent._replace(phase=INFERRING), inferences=state.inferences + 1)
        yield "posts to its runtime", begun, broken

    def _stop(self, state: State, number: int) -> Iterator[tuple[str, State, str]]:
        agent = state.agents[number]
        if not self.rules.release_only_when_seen_stopped:
            new, _ = _write(state.record, "release", agent.claim, self.skews[number], self.rules)
            stopping = agent._replace(phase=STOPPING, deadline=0, stop=STOP)
            after = self._with(state, number, stopping, record=new or state.record)
            yield "releases before its runtime has stopped", after, ""
            return
        stopping = agent._replace(phase=STOPPING, deadline=0, stop=STOP)
        yield "interrupts at its deadline", self._with(state, number, stopping), ""

    def _give_back(self, state: State, number: int) -> Iterator[tuple[str, State, str]]:
        agent = state.agents[number]
        # An interrupted inference that began counts: what it did is lost, and bounded by the fault that caused it.
        new, _ = _write(state.record, "release", agent.claim, self.skews[number], self.rules)
        yield "gives back", self._with(state, number, Agent(), record=new or state.record), ""

    def _runtime_dies(self, state: State, number: int) -> Iterator[tuple[str, State, str]]:
        agent = state.agents[number]
        new, _ = _write(state.record, "release after a death", agent.claim, self.skews[number], self.rules)
        after = self._with(state, number, Agent(), record=new or state.record, faults=state.faults + 1)
        yield "loses its runtime and gives back", after, ""

    def _finish(self, state: State, number: int) -> Iterator[tuple[str, State, str]]:
        agent = state.agents[number]
        if not self.rules.message_is_deleted_last and state.messages > 0:
            yield "deletes before it finishes", _deleted(state), ""
        new, done = _write(state.record, "finish", agent.claim, self.skews[number], self.rules)
        if not self.rules.finish_only_under_the_claim and new is None:
            new = Record("completed", state.record.claim, 0, state.record.attempts)
        if new is not None:
            ended = state._replace(record=new, finished_by=agent.claim)
            yield "finishes and deletes", _deleted(self._with(ended, number, Agent())), ""
            if state.lost < self.bounds.lost_replies:
                yield "finishes, and the reply is lost", ended._replace(lost=state.lost + 1), ""
        elif done:
            yield "learns that it finished", _deleted(self._with(state, number, Agent())), ""
        else:
            yield "is refused and drops its results", self._with(state, number, Agent()), ""

    def _tick(self, state: State) -> State | None:
        """One second passes; `None` where an agent that runs must act first."""
        agents = []
        for agent in state.agents:
            ticked = agent._replace(deadline=max(agent.deadline - 1, 0), stop=max(agent.stop - 1, 0))
            if agent.paused:
                if agent.phase in {INFERRING, STOPPING} and agent.deadline <= 0 and agent.stop <= 0:
                    ticked = ticked._replace(orphan=True)
            elif agent.phase == STOPPING and agent.stop <= 0:
                return None
            elif agent.phase in {ASKED, HOLDING, INFERRING, DELIVERING} and agent.deadline <= 0 and not agent.orphan:
                interrupts = agent.phase == INFERRING and self.rules.inference_is_interrupted_at_the_deadline
                if interrupts or not agent.cut_off:
                    return None
            agents.append(ticked)
        record = state.record
        if record.claim and record.status == "running":
            record = record._replace(lease=max(record.lease - 2, LONG_LAPSED))
        return state._replace(record=record, agents=(agents[0], agents[1]))

    @staticmethod
    def _with(state: State, number: int, agent: Agent, **changes: Any) -> State:
        agents = (agent, state.agents[1]) if number == 0 else (state.agents[0], agent)
        return state._replace(agents=agents, **changes)
