"""Messages of queued tasks that no queue has any more, published again.

SNS drops what matches no filter, and a new filter takes up to 15 minutes to apply; a queue forgets after its retention.
A message that is published twice is harmless: the claim fences doubles.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from sd_on_eks.handler_support.topic import MessageRefusedError, Topic
from task_record import table, transitions
from task_record.message import RUNTIME_ATTRIBUTE
from task_record.table import Item
from task_record.transitions import TaskRef

from .records import Records
from .run import Run
from .runtime_queues import RuntimeQueues

EMPTY_RUNS: Final = 3
"""Runs in a row that must find a queue empty: this one and the last two."""

LONG_QUEUED_MS: Final = 60 * 60 * 1000
"""Time since a task was last published after which it is published again, whatever the length of its queue."""

MOST_PUBLISHED: Final = 500
"""Messages that one run publishes."""


class LostMessages:
    """Publishes them again.

    Args:
        records: the task table.
        queues: the runtimes' queues.
        topic: the input topic.
        now_ms: the clock.
    """

    def __init__(self, records: Records, *, queues: RuntimeQueues, topic: Topic, now_ms: Callable[[], int]) -> None:
        self._records = records
        self._queues = queues
        self._topic = topic
        self._now_ms = now_ms

    def publish(self, run: Run) -> None:
        """Publish what may be lost, oldest first, the runtimes in turn."""
        due = [self._due(run, runtime, is_idle=self._is_idle(run, runtime)) for runtime in self._queues]
        for record in _in_turn(due):
            if run.counts["Republished"] >= MOST_PUBLISHED or not run.has_time():
                return
            with run.passing_errors():
                self._publish(run, record)

    def _is_idle(self, run: Run, runtime: str) -> bool:
        """Whether the queue of a runtime was empty at this run and the last ones."""
        with run.passing_errors():
            is_empty = self._queues.is_empty(runtime)
            noted = self._records.read(table.queue_key(runtime))
            before = None if noted is None else int(noted[table.EMPTY_RUNS])
            write = transitions.note_queue(runtime, empty_runs_before=before, is_empty=is_empty, now_ms=self._now_ms())
            # Refused: another run counts at the same time.
            return self._records.write(write) is None and is_empty and (before or 0) + 1 >= EMPTY_RUNS
        return False

    def _due(self, run: Run, runtime: str, *, is_idle: bool) -> Iterator[Item]:
        long_ago_ms = None if is_idle else self._now_ms() - LONG_QUEUED_MS
        with run.passing_errors():
            yield from self._records.queued(runtime, has_time=run.has_time, published_before_ms=long_ago_ms)

    def _publish(self, run: Run, record: Item) -> None:
        task = TaskRef.of_record(record)
        body = self._records.read(table.body_key(task.owner, task.id, task.submission)) or {}
        message = body.get(table.MESSAGE)
        if not message:
            # It came without a submission: it can only be ended, when its time is over.
            run.counts["WithoutBody"] += 1
            return
        try:
            self._topic.publish(str(message), {RUNTIME_ATTRIBUTE: str(record[table.RUNTIME])})
        except MessageRefusedError:
            run.counts["Refused"] += 1
            return
        run.counts["Republished"] += 1
        # Noted afterwards: a run that stops in between publishes twice, the other way round it would lose an hour.
        self._records.write(transitions.note_published(task, now_ms=self._now_ms()))


def _in_turn(iterators: Iterable[Iterator[Item]]) -> Iterator[Item]:
    waiting = deque(iterators)
    while waiting:
        iterator = waiting.popleft()
        for item in iterator:
            yield item
            waiting.append(iterator)
            break
