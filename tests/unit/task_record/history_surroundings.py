"""Events outside of the agents: the caller, the handlers, the queue, and time."""

from collections.abc import Iterator
from dataclasses import dataclass

from task_record.status import Status
from tests.unit.task_record.history_agent import Step
from tests.unit.task_record.history_rules import Rules
from tests.unit.task_record.history_state import (
    DOWN,
    GONE,
    IDLE,
    INFERRING,
    STALLED,
    STOPPING,
    Agent,
    Bounds,
    State,
    Writes,
)

LONG_LAPSED = -8
"""Leases that expired this many half ticks ago or earlier are expired on every clock."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The possible next events outside of the agents.

    Attributes:
        rules: the rules of the protocol, some of them removed.
        bounds: limits of each fault.
        writes: the writes of the product.
    """

    rules: Rules
    bounds: Bounds
    writes: Writes

    def steps(self, state: State) -> Iterator[Step]:
        """Every possible next step."""
        if self.bounds.is_cancelled:
            new, _ = self.writes.apply(state.record, "cancel")
            if new is not None:
                yield "is cancelled", state._replace(record=new), ""
        yield from self._give_up(state)
        yield from self._queue(state)
        if self.bounds.expires and state.record.status in {Status.QUEUED, Status.RUNNING}:
            yield "expires", state._replace(record=state.record._replace(is_expired=True)), ""
        if self.bounds.is_removed and state.record.has_ended and state.record != GONE:
            yield "the record's time to live passes", state._replace(record=GONE), ""
        ticked = self._tick(state)
        if ticked is not None:
            yield "a second passes", ticked, ""

    def _give_up(self, state: State) -> Iterator[Step]:
        record = state.record
        new, done = self.writes.apply(record, "give up")
        if new is None:
            if not done and not state.record.has_ended and not self.rules.dead_letter_stays_under_a_live_lease:
                yield "its dead letter is dropped", state.with_message_deleted(), ""
            return
        broken = (
            "a task was given up under a live lease" if record.status == Status.RUNNING and record.lease > 0 else ""
        )
        after = state._replace(record=new)
        if state.messages > 0:
            yield "its dead letter is given up", after.with_message_deleted(), broken
        if self.rules.overdue_task_is_given_up:
            yield "is given up as overdue", after, broken

    def _queue(self, state: State) -> Iterator[Step]:
        if state.losses < self.bounds.losses and state.messages > 0:
            yield "a message is lost", state._replace(messages=state.messages - 1, losses=state.losses + 1), ""
        if not self.rules.lost_message_is_published_again:
            return
        noted, _ = self.writes.apply(state.record, "note published")
        again = state._replace(record=noted or state.record, messages=state.messages + 1)
        if state.messages == 0 and noted is not None:
            yield "is published again", again, ""
        elif state.republishes < self.bounds.republishes:
            # The index with the status `queued` lags, and the first record was queued, so this can happen at any time.
            yield "is published once too often", again._replace(republishes=state.republishes + 1), ""

    def _tick(self, state: State) -> State | None:
        """One second passes; `None` if a running agent must act first."""
        agents = []
        for agent in state.agents:
            if self._must_act(agent):
                return None
            ticked = agent._replace(deadline=max(agent.deadline - 1, 0), stop=max(agent.stop - 1, 0))
            computes_on = agent.paused and agent.phase in {INFERRING, STALLED, STOPPING}
            if computes_on and agent.deadline <= 0 and agent.stop <= 0:
                ticked = ticked._replace(orphan=True)
            agents.append(ticked)
        record = state.record
        if record.status == Status.RUNNING:
            record = record._replace(lease=max(record.lease - 2, LONG_LAPSED))
        return state._replace(record=record, agents=(agents[0], agents[1]))

    def _must_act(self, agent: Agent) -> bool:
        if agent.paused or agent.phase in {IDLE, DOWN}:
            return False
        if agent.phase == STOPPING:
            return agent.stop <= 0
        if agent.deadline > 0 or agent.orphan:
            return False
        interrupts = agent.phase in {INFERRING, STALLED} and self.rules.inference_is_interrupted_at_the_deadline
        return interrupts or not agent.cut_off
