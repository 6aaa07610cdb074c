"""A model checker: it searches all histories of one submission, with the write functions of the product.

Two agents with a runtime each, one message that may be delivered at any time and any number of times, lost requests and
responses, crashes, pauses, runtime failures, a cancellation, a dead-letter handler, a queue that loses the message, a
reconciler that publishes it again, and different clocks. `history_state` has the state, `history_agent` and
`history_surroundings` have the events, `history_promises` has the guarantees. If one of the `history_rules` is removed,
the search must find a violated guarantee.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from task_record.status import Status
from tests.unit.task_record.history_agent import AgentSteps, Step
from tests.unit.task_record.history_promises import broken_by_a_step, broken_in
from tests.unit.task_record.history_rules import Rules
from tests.unit.task_record.history_state import ABSENT, TIMES, Agent, Bounds, Record, State, Writes
from tests.unit.task_record.history_surroundings import Surroundings


class BrokenPromiseError(AssertionError):
    """A guarantee of the protocol that a history violates."""


class Visited:
    """States by number: a step between two of a million states is a number, not a copy of the state.

    Attributes:
        states: all states, in the order of discovery.
        predecessors: for each state, the states before it.
    """

    def __init__(self, start: State) -> None:
        self.states = [start]
        self.predecessors: list[list[int]] = [[]]
        self._numbers = {start: 0}
        self._found_by: list[tuple[int, str]] = [(0, "")]

    def add(self, origin: int, what: str, state: State) -> bool:
        """Add a step to a state, and return whether the state is new."""
        number = self._numbers.setdefault(state, len(self.states))
        is_new = number == len(self.states)
        if is_new:
            self.states.append(state)
            self.predecessors.append([])
            self._found_by.append((origin, what))
        self.predecessors[number].append(origin)
        return is_new

    def broken(self, number: int, last: str, promise: str) -> BrokenPromiseError:
        """The error with the steps that first led to a state, one more step, and the broken promise."""
        steps = [last, f"-> {promise}"]
        while number:
            number, what = self._found_by[number]
            steps.insert(0, what)
        return BrokenPromiseError("\n    ".join(steps))

    def leading_to(self, ends: Iterator[int]) -> set[int]:
        """Numbers of all states from which one of these can be reached, including themselves."""
        found = set(ends)
        todo = deque(found)
        while todo:
            for number in self.predecessors[todo.popleft()]:
                if number not in found:
                    found.add(number)
                    todo.append(number)
        return found


@dataclass
class Search:
    """A breadth-first search.

    Attributes:
        rules: the rules of the protocol, some of them removed.
        bounds: limits of each fault.
        skews: clock of each agent minus the table's clock, in half ticks.
    """

    rules: Rules = field(default_factory=Rules)
    bounds: Bounds = field(default_factory=Bounds)
    skews: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        writes = Writes(self.rules, has_submission=self.bounds.has_submission)
        self._agents = [
            AgentSteps(number, skew, self.rules, self.bounds, writes) for number, skew in enumerate(self.skews)
        ]
        self._surroundings = Surroundings(self.rules, self.bounds, writes)

    def run(self) -> int:
        """Visit all states.

        Returns:
            Number of states.

        Raises:
            BrokenPromiseError: a guarantee is violated; the message has the history.
        """
        record = Record("queued") if self.bounds.has_submission else ABSENT
        visited = Visited(State(record=record, agents=(Agent(), Agent())))
        number = 0
        while number < len(visited.states):
            state = visited.states[number]
            for what, new, broken_by_itself in self._steps(state):
                broken = broken_by_itself or broken_by_a_step(state, new)
                if visited.add(number, what, new):
                    broken = broken or broken_in(new)
                if broken:
                    raise visited.broken(number, what, broken)
            number += 1
        self._every_history_can_end(visited)
        return len(visited.states)

    def _steps(self, state: State) -> Iterator[Step]:
        for agent in self._agents:
            for what, new, broken in agent.of(state):
                yield f"agent {agent.number}: {what}", new, broken
        yield from self._surroundings.steps(state)

    def _every_history_can_end(self, visited: Visited) -> None:
        states = visited.states
        can_end = visited.leading_to(number for number, state in enumerate(states) if state.record.has_ended)
        can_complete = visited.leading_to(
            number for number, state in enumerate(states) if state.record.status == Status.COMPLETED
        )
        can_leave_the_queue = visited.leading_to(
            number for number, state in enumerate(states) if state.record.has_ended and state.messages == 0
        )
        for number, state in enumerate(states):
            # Beyond the limit of claims, a history is truncated, not stuck.
            if state.claims >= self.bounds.claims:
                continue
            if number not in can_end:
                raise visited.broken(number, "", "the task can never end")
            if number not in can_leave_the_queue:
                raise visited.broken(number, "", "the message can never go")
            record = state.record
            may_run = record.status == Status.QUEUED and record.attempts < TIMES.max_attempts and not record.is_expired
            if state.messages == 0 and may_run and number not in can_complete:
                raise visited.broken(number, "", "the task can only be ended")
