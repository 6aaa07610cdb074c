"""The figures of a run, and their limits."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from bench_agent.case import Case, Who
from bench_agent.run import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure of several runs of one case.

    Attributes:
        name: name with the unit.
        of: computes the figure of a run.
        limit: returns the limit of a case; `None` if there is none.
        is_least: whether the limit is a minimum, not a maximum.
        most_of_even: maximum ratio to the figure of the case `as_even` in the same run.
        digits: number of decimal places.
    """

    name: str
    of: Callable[[Run], float]
    limit: Callable[[Case], float | None] = lambda _: None
    is_least: bool = False
    most_of_even: float | None = None
    digits: int = 1

    def median(self, runs: Sequence[Run]) -> float:
        """The median of the runs."""
        return statistics.median(self.of(run) for run in runs)

    def limit_in(self, case: Case, runs: Mapping[tuple[Case, Who], Sequence[Run]]) -> float | None:
        """The limit of a case, if it has one that follows from the runs."""
        if self.most_of_even is None:
            return self.limit(case)
        even = [runs[other, who] for other, who in runs if other.name == case.as_even and who == "agent"]
        return self.most_of_even * self.median(even[0]) if even else None

    def is_missed(self, limit: float | None, value: float) -> bool:
        """Whether a value is beyond a limit."""
        if limit is None:
            return False
        return value < limit if self.is_least else value > limit


def busy_share(run: Run) -> float:
    """Share of the time between the first start and the last end of an inference in which the GPU was busy."""
    span = sum(gpu[-1].ended_at - gpu[0].began_at for gpu in run.gpus)
    return sum(one.ended_at - one.began_at for one in run.inferences) / span


def _gap_ms(run: Run) -> float:
    pairs = [pair for gpu in run.gpus for pair in pairwise(gpu)]
    return 1000 * statistics.median(later.began_at - earlier.ended_at for earlier, later in pairs)


def _stored_ms(run: Run) -> float:
    pairs = zip(run.inferences, run.last_stored_at, strict=True)
    return 1000 * statistics.median(stored_at - one.ended_at for one, stored_at in pairs)


def idle_hold_ms(run: Run) -> float:
    """Milliseconds per task that an agent holds it behind its busy GPU while another GPU is idle."""
    times = sorted(
        {at for one in run.inferences for at in (one.began_at, one.ended_at)}
        | {at for hold in run.holds for at in (hold.since, hold.until)}
    )
    held_s = sum(end - begin for begin, end in pairwise(times) if _is_held_needlessly(run, (begin + end) / 2))
    return 1000 * held_s / run.case.tasks


def _is_held_needlessly(run: Run, at: float) -> bool:
    busy = {agent for agent, gpu in enumerate(run.gpus) if any(one.began_at <= at < one.ended_at for one in gpu)}
    holding = {hold.agent for hold in run.holds if hold.since <= at < hold.until}
    return bool(busy & holding) and bool(set(range(len(run.gpus))) - busy - holding)


def _calls(run: Run) -> float:
    # Without the empty receives at the end, and the read of the table's clock at the start.
    of_no_task = run.calls["ReceiveMessage"] - run.case.tasks + run.calls.get("GetItem", 0)
    return (sum(run.calls.values()) - of_no_task) / run.case.tasks


FIGURES: Final = (
    Figure(name="GPU busy", of=busy_share, limit=lambda case: case.least_busy, is_least=True, digits=4),
    Figure(name="gap, ms", of=_gap_ms),
    Figure(
        name="CPU per task, ms", of=lambda run: 1000 * run.cpu_s / run.case.tasks, limit=lambda case: case.most_cpu_ms
    ),
    Figure(name="peak memory, MiB", of=lambda run: run.peak_memory_mib, limit=lambda case: case.most_memory_mib),
    Figure(name="growth, MiB/1000", of=lambda run: run.growth_mib, limit=lambda case: case.most_growth_mib),
    Figure(name="inferred to stored, ms", of=_stored_ms),
    Figure(
        name="AWS calls per task", of=_calls, limit=lambda case: 5 + case.images + 2 * (case.seconds // 3), digits=2
    ),
    Figure(
        name="UpdateItem per task",
        of=lambda run: run.calls["UpdateItem"] / run.case.tasks,
        most_of_even=1.2,
        digits=2,
    ),
    Figure(name="idle hold per task, ms", of=idle_hold_ms, limit=lambda case: case.most_idle_hold_ms),
    Figure(name="start to first receive, s", of=lambda run: run.first_receive_s, limit=lambda _: 0.5, digits=2),
)
