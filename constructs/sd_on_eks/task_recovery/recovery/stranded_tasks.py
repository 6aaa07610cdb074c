"""Open tasks that nobody will run: past their time, or of a runtime that is not there any more."""

from collections.abc import Callable, Collection
from functools import partial
from typing import Final

from task_record import table, transitions
from task_record.identifiers import first_submission
from task_record.protocol_times import ProtocolTimes
from task_record.table import Item
from task_record.transitions import TaskRef

from .records import Records
from .run import Run

_NEW_RUNTIME_MS: Final = 10 * 60 * 1000
"""How old a task must be to be of a removed runtime. A run that began before a deployment does not know the runtimes
that this adds, and their first tasks come at once."""

_KEEP: Final = 0.5
"""Share of a run that is left for lost messages."""


class StrandedTasks:
    """Ends them, W7; a live lease keeps its task until the next run.

    Args:
        records: the task table.
        runtimes: names of all runtimes.
        times: the protocol's.
        now_ms: the clock.
    """

    def __init__(
        self, records: Records, *, runtimes: Collection[str], times: ProtocolTimes, now_ms: Callable[[], int]
    ) -> None:
        self._records = records
        self._runtimes = runtimes
        self._times = times
        self._now_ms = now_ms

    def end(self, run: Run) -> None:
        """End as many as half of the run's time allows."""
        now_ms, has_time = self._now_ms(), partial(run.has_time, keep=_KEEP)
        with run.passing_errors():
            for record in self._records.overdue(now_ms=now_ms, has_time=has_time):
                if not has_time():
                    return
                if self._give_up(run, record, "expired", "the task expired before it was completed"):
                    run.counts["Expired"] += 1
        before = first_submission(now_ms - _NEW_RUNTIME_MS)
        with run.passing_errors():
            for record in self._records.of_other_runtimes(
                self._runtimes, now_ms=now_ms, before=before, has_time=has_time
            ):
                if not has_time():
                    return
                gone = f"there is no runtime {record.get(table.RUNTIME)} any more"
                if self._give_up(run, record, "runtime_gone", gone):
                    run.counts["RuntimeGone"] += 1

    def _give_up(self, run: Run, record: Item, code: str, message: str) -> bool:
        write = transitions.give_up(
            TaskRef.of_record(record),
            now_ms=self._now_ms(),
            times=self._times,
            error=transitions.error_text(code, message),
        )
        with run.passing_errors():
            return self._records.write(write) is None
        return False
