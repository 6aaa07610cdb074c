"""Whether a runtime accepts another task."""

import math
import time
from collections.abc import Callable

from .errors import backlog_full
from .runtimes import Runtime
from .task_store import TaskStore

_MAX_COUNT_AGE_S = 1.0
"""How long a count is cached. Tasks that other processes accept in this time can exceed the limit."""


class Admission:
    """Counts the queued tasks of runtimes that have a limit.

    Args:
        store: the task table.
        clock: a monotonic clock, in seconds.
    """

    def __init__(self, store: TaskStore, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._counts: dict[str, tuple[float, int]] = {}

    def admit(self, runtime: Runtime) -> None:
        """Admit one more task.

        Raises:
            ApiError: 429 with the expected waiting time if the queue is full; 503 if the tasks cannot be counted.
        """
        limit = runtime.backlog_limit
        if limit is None:
            return
        counted_at, queued = self._counts.get(runtime.name, (-math.inf, 0))
        if self._clock() - counted_at >= _MAX_COUNT_AGE_S:
            counted_at, queued = self._clock(), self._store.count_queued(runtime.name, at_most=limit)
        if queued >= limit:
            self._counts[runtime.name] = counted_at, queued
            wait_s = math.ceil(queued * runtime.typical_task_s / runtime.max_replicas)
            raise backlog_full(runtime.name, queued=queued, wait_s=wait_s)
        # This task counts at once; the index contains it a little later.
        self._counts[runtime.name] = counted_at, queued + 1
