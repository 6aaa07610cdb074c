"""Publishes messages of queued tasks again that are not in a queue any more.

SNS drops a message that matches no filter policy, and a new filter policy takes up to 15 minutes to apply. SQS deletes
a message after the retention period. A message that is published twice is harmless: only one claim of a task succeeds.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from sd_on_eks.handler_support.topic import MessageRejectedError, Topic
from task_record import table, transitions
from task_record.message import RUNTIME_ATTRIBUTE
from task_record.table import Item
from task_record.transitions import TaskRef

from .records import Records
from .run import Run
from .runtime_queues import RuntimeQueues

EMPTY_RUNS: Final = 3
"""Consecutive runs that must find a queue empty before its messages count as lost, the current run included."""

LONG_QUEUED_MS: Final = 60 * 60 * 1000
"""A task is published again this long after it was last published, even if its queue is not empty."""

MAX_PUBLISHED: Final = 500
"""Messages that one run publishes at most."""


class LostMessages:
    """Finds lost messages and publishes them again.

    Args:
        records: the task table.
        queues: the runtimes' queues.
        topic: the input topic.
        now_ms: the current time, epoch milliseconds.
    """

    def __init__(self, records: Records, *, queues: RuntimeQueues, topic: Topic, now_ms: Callable[[], int]) -> None:
        self._records = records
        self._queues = queues
        self._topic = topic
        self._now_ms = now_ms

    def publish(self, run: Run) -> None:
        """Publish the messages that may be lost: the oldest first, and one runtime after the other in turn."""
        due = [self._due(run, runtime, is_idle=self._is_idle(run, runtime)) for runtime in self._queues]
        for record in _in_turn(due):
            if run.counts["Republished"] >= MAX_PUBLISHED or not run.has_time():
                return
            with run.counting_errors():
                self._publish(run, record)

    def _is_idle(self, run: Run, runtime: str) -> bool:
        """Whether the queue of a runtime was empty in this run and in the runs before it."""
        with run.counting_errors():
            is_empty = self._queues.is_empty(runtime)
            noted = self._records.read(table.queue_key(runtime))
            before = None if noted is None else int(noted[table.EMPTY_RUNS])
            write = transitions.note_queue(runtime, empty_runs_before=before, is_empty=is_empty, now_ms=self._now_ms())
            # The write is rejected if another run counts at the same time.
            return self._records.write(write) is None and is_empty and (before or 0) + 1 >= EMPTY_RUNS
        return False

    def _due(self, run: Run, runtime: str, *, is_idle: bool) -> Iterator[Item]:
        long_ago_ms = None if is_idle else self._now_ms() - LONG_QUEUED_MS
        with run.counting_errors():
            yield from self._records.queued(runtime, has_time=run.has_time, published_before_ms=long_ago_ms)

    def _publish(self, run: Run, record: Item) -> None:
        task = TaskRef.of_record(record)
        body = self._records.read(table.body_key(task.owner, task.id, task.submission)) or {}
        message = body.get(table.MESSAGE)
        if not message:
            # The message was sent without a submission and is not stored: the task can only expire.
            run.counts["WithoutBody"] += 1
            return
        try:
            self._topic.publish(str(message), {RUNTIME_ATTRIBUTE: str(record[table.RUNTIME])})
        except MessageRejectedError:
            run.counts["Refused"] += 1
            return
        run.counts["Republished"] += 1
        # Recorded afterwards: a run that stops in between publishes the message twice; the other order would delay it
        # by an hour.
        self._records.write(transitions.note_published(task, now_ms=self._now_ms()))


def _in_turn(iterators: Iterable[Iterator[Item]]) -> Iterator[Item]:
    waiting = deque(iterators)
    while waiting:
        iterator = waiting.popleft()
        for item in iterator:
            yield item
            waiting.append(iterator)
            break
