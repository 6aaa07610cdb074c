"""The steps of one agent and its runtime, with faults."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from tests.unit.task_record.history_promises import broken_by_a_completion, broken_by_a_post
from tests.unit.task_record.history_rules import Rules
from tests.unit.task_record.history_state import (
    ASKED,
    DELIVERING,
    DOWN,
    FAILING,
    GONE,
    HOLDING,
    IDLE,
    INFERRING,
    STALLED,
    STOPPING,
    STORED,
    STORED_APART,
    TIMES,
    Agent,
    Bounds,
    State,
    Writes,
)

Step: TypeAlias = tuple[str, State, str]
"""The event, the state after it, and the guarantee that it violates."""

STOP_TICKS = int(TIMES.interrupt_s)


@dataclass(frozen=True, slots=True)
class AgentSteps:
    """The possible next steps of an agent.

    Attributes:
        number: index of the agent in the state.
        skew: its clock minus the table's, in half ticks.
        rules: the rules of the protocol, some of them removed.
        bounds: limits of each fault.
        writes: the writes of the product.
    """

    number: int
    skew: int
    rules: Rules
    bounds: Bounds
    writes: Writes

    @property
    def deadline_ticks(self) -> int:
        """Ticks after the send of a renewal at which work under it must have been interrupted."""
        return int(TIMES.deadline_s if self.rules.deadline_leaves_time_to_interrupt else TIMES.lease_s)

    def of(self, state: State) -> Iterator[Step]:
        """Every possible next step of this agent."""
        agent = state.agents[self.number]
        if agent.paused:
            yield "goes on", self._with(state, agent._replace(paused=False)), ""
            return
        if agent.phase == IDLE:
            yield from self._receive(state, agent)
            return
        if agent.phase == DOWN:
            yield "starts", self._with(state, Agent(orphan=not self.rules.start_interrupts_what_runs)), ""
            return
        yield from self._work(state, agent)
        yield from self._faults(state, agent)

    def _work(self, state: State, agent: Agent) -> Iterator[Step]:
        if agent.phase == ASKED:
            yield from self._repeat_claim(state, agent)
            return
        if agent.phase == STOPPING:
            yield from self._release(state, agent)
            return
        yield from self._renew(state, agent)
        if agent.phase == HOLDING:
            yield from self._post(state, agent)
            yield from self._release(state, agent)
        elif agent.phase == DELIVERING:
            yield from self._store(state, agent)
        elif agent.phase in {STORED, STORED_APART}:
            yield from self._finish(state, agent, "complete")
        elif agent.phase == FAILING:
            yield from self._finish(state, agent, "fail")
        else:
            yield from self._infer(state, agent)

    def _receive(self, state: State, agent: Agent) -> Iterator[Step]:
        record = state.record
        if state.messages == 0:
            return
        if record.has_ended and (record != GONE or self.rules.claim_makes_no_record_for_a_submission):
            if self.rules.message_of_an_ended_task_is_deleted:
                yield "deletes the message of an ended task", state.with_message_deleted(), ""
            return
        if state.claims < self.bounds.claims:
            yield from self._claim(state, agent)
        if self.writes.apply(record, "claim", -1, self.skew)[0] is not None:
            return
        given_up, _ = self.writes.apply(record, "give up", skew=self.skew)
        if given_up is not None:
            # Queued or expired, but rejected: no attempts are left.
            ended = given_up if self.rules.task_out_of_attempts_ends_before_its_message else record
            yield "gives up and deletes", state.with_message_deleted()._replace(record=ended), ""
        elif not self.rules.message_stays_under_a_live_lease:
            yield "deletes under a live lease", state.with_message_deleted(), ""

    def _claim(self, state: State, agent: Agent) -> Iterator[Step]:
        claim = state.claims + 1 if self.rules.claim_is_fresh_for_every_receipt else 1
        held = agent._replace(phase=HOLDING, claim=claim, deadline=self.deadline_ticks)
        if not self.rules.inference_waits_for_the_claims_answer:
            running = held._replace(phase=INFERRING)
            yield (
                "runs without an answer of the table",
                self._with(state, running, claims=claim, inferences=state.inferences + 1),
                broken_by_a_post(state, held),
            )
        new, _ = self.writes.apply(state.record, "claim", claim, self.skew)
        if new is None:
            return
        yield f"claims as {claim}", self._with(state, held, record=new, claims=claim), ""
        if state.lost < self.bounds.lost_replies:
            asked = self._with(state, held._replace(phase=ASKED), claims=claim, lost=state.lost + 1)
            yield f"claims as {claim}, and the reply is lost", asked._replace(record=new), ""
            yield f"claims as {claim}, and the request is lost", asked, ""

    def _repeat_claim(self, state: State, agent: Agent) -> Iterator[Step]:
        held = agent._replace(phase=HOLDING)
        if not self.rules.deadline_counts_from_the_first_send:
            held = held._replace(deadline=self.deadline_ticks)
        # The same write again, with the same clock and so the same lease.
        since_first_send = self.deadline_ticks - agent.deadline
        new, done = self.writes.apply(state.record, "claim", agent.claim, self.skew - 2 * since_first_send)
        if new is not None:
            yield "repeats its claim", self._with(state, held, record=new), ""
        elif done:
            yield "learns that its claim stands", self._with(state, held), ""
        else:
            yield "detects that its claim is lost", self._with(state, Agent()), ""

    def _renew(self, state: State, agent: Agent) -> Iterator[Step]:
        if not self.rules.lease_is_renewed:
            return
        new, _ = self.writes.apply(state.record, "renew", agent.claim, self.skew)
        renewed = agent._replace(deadline=self.deadline_ticks, cut_off=False)
        if new is not None:
            yield "renews", self._with(state, renewed, record=new), ""
            if state.lost < self.bounds.lost_replies:
                yield "renews, and the reply is lost", state._replace(record=new, lost=state.lost + 1), ""
        elif not self.rules.refused_renewal_is_final:
            yield "is refused and goes on", self._with(state, renewed), ""
        elif agent.phase in {INFERRING, STALLED}:
            yield "is refused and interrupts", self._stopping(state, agent), ""
        else:
            yield "is refused and drops", self._with(state, Agent()), ""

    def _post(self, state: State, agent: Agent) -> Iterator[Step]:
        if agent.deadline <= 0 and self.rules.deadline_is_checked_before_the_post:
            return
        begun = self._with(state, agent._replace(phase=INFERRING), inferences=state.inferences + 1)
        yield "posts to its runtime", begun, broken_by_a_post(state, agent)

    def _infer(self, state: State, agent: Agent) -> Iterator[Step]:
        if agent.phase == INFERRING:
            yield "the runtime answers", self._with(state, agent._replace(phase=DELIVERING, orphan=False)), ""
            if self.rules.failed_inference_ends_the_task:
                yield "the runtime says no", self._with(state, agent._replace(phase=FAILING, orphan=False)), ""
            else:
                yield from self._release(state, agent)
        elif self.rules.stalled_inference_is_interrupted:
            yield "sees no progress and interrupts", self._with(state, agent._replace(phase=FAILING, orphan=False)), ""
        if agent.deadline <= 0 and (agent.cut_off or not self.rules.lease_is_renewed):
            yield from self._interrupt(state, agent)
        if not self.rules.stale_receipt_handle_is_no_trouble:
            yield "has a stale receipt handle and interrupts", self._stopping(state, agent), ""

    def _interrupt(self, state: State, agent: Agent) -> Iterator[Step]:
        stopping = self._stopping(state, agent)
        if self.rules.release_only_when_seen_stopped:
            yield "interrupts at its deadline", stopping, ""
        else:
            new, _ = self.writes.apply(state.record, "release", agent.claim)
            yield "releases before its runtime has stopped", stopping._replace(record=new or state.record), ""

    def _release(self, state: State, agent: Agent) -> Iterator[Step]:
        new, _ = self.writes.apply(state.record, "release", agent.claim)
        yield "releases", self._with(state, Agent(), record=new or state.record), ""

    def _store(self, state: State, agent: Agent) -> Iterator[Step]:
        if state.objects in {0, agent.claim} or not self.rules.results_never_overwrite:
            yield "stores its results", self._with(state, agent._replace(phase=STORED), objects=agent.claim), ""
        else:
            yield "stores its results apart", self._with(state, agent._replace(phase=STORED_APART)), ""
        if not self.rules.results_are_stored_before_the_finish:
            yield from self._finish(state, agent, "complete")
        if self.rules.storage_trouble_ends_the_task:
            yield "cannot store", self._with(state, agent._replace(phase=FAILING)), ""
        else:
            yield from self._release(state, agent)

    def _finish(self, state: State, agent: Agent, name: str) -> Iterator[Step]:
        if not self.rules.message_is_deleted_last:
            yield "deletes before it finishes", state.with_message_deleted(), ""
        new, done = self.writes.apply(state.record, name, agent.claim, self.skew)
        if new is not None:
            broken = broken_by_a_completion(state, agent) if name == "complete" else ""
            ended = state._replace(record=new, finished_by=agent.claim)
            yield f"{name}s and deletes", self._with(ended, Agent()).with_message_deleted(), broken
            if state.lost < self.bounds.lost_replies:
                yield f"{name}s, and the reply is lost", ended._replace(lost=state.lost + 1), broken
        elif done:
            broken = "" if state.finished_by == agent.claim else "a claim took another's end for its own"
            yield "learns that it finished", self._with(state, Agent()).with_message_deleted(), broken
        else:
            yield "is refused and drops its results", self._with(state, Agent()), ""

    def _faults(self, state: State, agent: Agent) -> Iterator[Step]:
        faults = state.faults + 1
        if faults > self.bounds.faults:
            return
        if agent.phase in {INFERRING, STALLED}:
            new, _ = self.writes.apply(state.record, "release after a failure", agent.claim)
            yield (
                "loses its runtime and releases",
                self._with(state, Agent(), record=new or state.record, faults=faults, deaths=state.deaths + 1),
                "",
            )
            yield "is stopped and interrupts", self._stopping(state, agent)._replace(faults=faults), ""
        if agent.phase == INFERRING:
            yield "its runtime stalls", self._with(state, agent._replace(phase=STALLED), faults=faults), ""
        if agent.phase in {INFERRING, STALLED, STOPPING}:
            yield "crashes, and its runtime goes on", self._with(state, Agent(DOWN), faults=faults), ""
        if agent.phase != STOPPING and agent.deadline <= 0 and not agent.cut_off:
            yield "cannot reach the table", self._with(state, agent._replace(cut_off=True), faults=faults), ""
        yield "crashes, and its runtime with it", self._with(state, Agent(), faults=faults), ""
        yield "is paused", self._with(state, agent._replace(paused=True), faults=faults), ""

    def _stopping(self, state: State, agent: Agent) -> State:
        return self._with(state, agent._replace(phase=STOPPING, deadline=0, stop=STOP_TICKS))

    def _with(self, state: State, agent: Agent, **changes: object) -> State:
        return state.with_agent(self.number, agent, **changes)
