"""Open tasks that no agent will run: overdue tasks, and tasks of removed runtimes."""

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
"""Minimum age of a task whose runtime counts as removed. A run that started before a deployment does not know the
runtimes that the deployment adds, and these may receive tasks at once."""

_KEEP: Final = 0.5
"""Share of a run's time that is left for lost messages."""


class StrandedTasks:
    """Ends stranded tasks with the write `give_up`. A task with a live lease stays until the next run.

    Args:
        records: the task table.
        runtimes: names of all runtimes.
        times: times of the task protocol.
        now_ms: the current time, epoch milliseconds.
    """

    def __init__(
        self, records: Records, *, runtimes: Collection[str], times: ProtocolTimes, now_ms: Callable[[], int]
    ) -> None:
        self._records = records
        self._runtimes = runtimes
        self._times = times
        self._now_ms = now_ms

    def end(self, run: Run) -> None:
        """End stranded tasks, for at most half of the run's time."""
        now_ms, has_time = self._now_ms(), partial(run.has_time, keep=_KEEP)
        with run.counting_errors():
            for record in self._records.overdue(now_ms=now_ms, has_time=has_time):
                if not has_time():
                    return
                if self._give_up(run, record, "expired", "the task expired before it was completed"):
                    run.counts["Expired"] += 1
        before = first_submission(now_ms - _NEW_RUNTIME_MS)
        with run.counting_errors():
            for record in self._records.of_other_runtimes(
                self._runtimes, now_ms=now_ms, before=before, has_time=has_time
            ):
                if not has_time():
                    return
                removed = f"the runtime {record.get(table.RUNTIME)} was removed from the deployment"
                if self._give_up(run, record, "runtime_gone", removed):
                    run.counts["RuntimeGone"] += 1

    def _give_up(self, run: Run, record: Item, code: str, message: str) -> bool:
        write = transitions.give_up(
            TaskRef.of_record(record),
            now_ms=self._now_ms(),
            times=self._times,
            error=transitions.error_text(code, message),
        )
        with run.counting_errors():
            return self._records.write(write) is None
        return False
