"""The guarantees of the protocol for one submission, as checks of its states and steps.

Each returns the violated guarantee, or an empty string.
"""

from task_record.status import Status
from tests.unit.task_record.history_state import (
    GONE,
    INFERRING,
    STALLED,
    STOPPING,
    STORED,
    STORED_APART,
    TIMES,
    Agent,
    State,
)

COMPUTING = frozenset({INFERRING, STALLED, STOPPING})


def broken_in(state: State) -> str:
    """Check a state."""
    record = state.record
    first, second = state.agents
    if first.phase in COMPUTING and second.phase in COMPUTING and not (first.orphan or second.orphan):
        return "two inferences at once"
    if state.inferences > 1 + state.faults:
        return "more inferences than faults explain"
    if record.attempts > TIMES.max_attempts:
        return "more attempts than are allowed"
    if record.status == Status.QUEUED and record.attempts > state.faults:
        return "an attempt was used up without a fault"
    if state.deaths > TIMES.max_attempts:
        return "more runtimes died under the task than it has attempts"
    if record.status == Status.COMPLETED and state.finished_by != record.claim:
        return "the record names a claim that did not finish it"
    return ""


def broken_by_a_step(old: State, new: State) -> str:
    """Check any step."""
    if old.record.has_ended:
        if new.record not in (old.record, GONE):
            return "a terminal record was written again"
        if old.record.status == Status.COMPLETED and old.objects == old.record.claim != new.objects:
            return "the results of a finished task were overwritten"
    elif new.record.is_expired and new.claims > old.claims:
        return "a task was claimed after it had expired"
    elif new.messages < old.messages and new.losses == old.losses and not new.record.has_ended:
        return "the message was deleted before the task had ended"
    return ""


def broken_by_a_post(state: State, agent: Agent) -> str:
    """Check that this agent may begin its inference now."""
    record = state.record
    if agent.orphan:
        return "an inference began while its runtime computed another"
    if record.status in {Status.COMPLETED, Status.FAILED}:
        return "an inference began after the task had finished"
    if record.status == Status.RUNNING and record.claim != agent.claim and record.lease > 0:
        return "an inference began while another claim's lease was valid"
    return ""


def broken_by_a_completion(state: State, agent: Agent) -> str:
    """Check that this agent may complete the task now."""
    if agent.phase == STORED_APART or (agent.phase == STORED and state.objects == agent.claim):
        return ""
    return "the record names results that are not its claim's"
