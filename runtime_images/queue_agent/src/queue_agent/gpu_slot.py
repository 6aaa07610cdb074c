"""The GPU: it runs one inference at a time, and this module estimates when it is free."""

import asyncio
import math
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

from queue_agent import clock
from queue_agent.course import Course
from queue_agent.durations import expected_left_s

_HANDOFF_TIMEOUT_S: Final = 0.05
"""A request that was not sent this long after the release of the slot is not waiting for this process."""

_CACHED_NODES_S: Final = 0.1
"""Progress within this time is from the cache: ComfyUI counts cached nodes. It says nothing about the speed."""
_ESTIMATES_KEPT_S: Final = 2.0
"""An estimate is compared with the actual end one lead later, which is at most a second."""
_MIN_CHANGE_S: Final = 0.005
"""Each step changes the estimate a little. A wake-up for each one would cost as much as the event itself."""
_COMPARE_INTERVAL_S: Final = 0.05
"""A comparison with 20 courses costs more than the event of a step. The estimate is late by at most this."""


class GpuSlot:
    """A lock on the runtime. Only its holder sends inferences and interrupts to the runtime.

    Attributes:
        acquisitions: number of times that the slot was acquired.
        course: the course of the running inference, or of the last one.
        changed: set when the slot is acquired or released, or is expected to be free earlier than before.
    """

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._waiting = 0
        self._on_its_way = asyncio.Event()
        self._started: float | None = None
        self._similar: Sequence[Course] = ()
        self._compared_at = 0.0
        self._base: tuple[float, float] = (0.0, 0.0)
        self._share = 0.0
        self._expected: deque[tuple[float, float | None]] = deque()
        self._notified_end: float = math.inf
        self.acquisitions: int = 0
        self.course: Course = Course()
        self.changed: asyncio.Event = asyncio.Event()

    @property
    def is_busy(self) -> bool:
        """Whether the slot is held."""
        return self._lock.locked()

    @property
    def expected_end(self) -> float | None:
        """Monotonic time of the expected end of the inference; `None` if it is unknown."""
        return None if self._started is None else self._expected[-1][1]

    def begin(self, similar: Sequence[Course]) -> None:
        """Start the estimate for a new inference.

        Args:
            similar: courses of the last similar inferences.
        """
        self._started = clock.monotonic_s()
        self._similar, self.course = similar, Course()
        self._base = (self._started, 0.0)
        self._share = 0.0
        self._expected.clear()
        self._notified_end = math.inf
        self._expect_by_similar(self._started)

    def progressed(self, share: float) -> None:
        """Update the estimate with a reported share, 0 to 1; 0 means that the request was sent.

        If similar inferences are known, the share is compared with their courses. Otherwise the estimate is the speed
        so far.
        """
        self._on_its_way.set()
        if self._started is None:
            return
        now = clock.monotonic_s()
        has_come_further = self.course.reach(share, now - self._started)
        if not self._similar:
            self._expect_by_pace(share, now)
        elif has_come_further and now - self._compared_at >= _COMPARE_INTERVAL_S:
            self._expect_by_similar(now)

    def _expect_by_similar(self, now: float) -> None:
        self._compared_at = now
        left_s = expected_left_s(self._similar, self.course)
        self._expect(None if left_s is None else now + left_s)

    def _expect_by_pace(self, share: float, now: float) -> None:
        # A repeated share is less accurate than its first report, which was closer to the step.
        has_moved, self._share = share != self._share, share
        since, had = self._base
        if self._started is not None and now - self._started <= _CACHED_NODES_S:
            self._base = (now, share)
        elif has_moved and share > had:
            self._expect(since + (now - since) * (1 - had) / (share - had))

    def expected_end_at(self, when: float) -> float | None:
        """The end that was expected at a monotonic time in the last seconds. The inference may have ended since."""
        return next((end for since, end in reversed(self._expected) if since <= when), None)

    def _expect(self, end: float | None) -> None:
        now = clock.monotonic_s()
        self._expected.append((now, end))
        # The second estimate is older than the retention too, so the first one is not needed.
        while len(self._expected) > 1 and self._expected[1][0] < now - _ESTIMATES_KEPT_S:
            self._expected.popleft()
        if end is None:
            self._notified_end = math.inf  # no waiter has a timer
        elif end > self._notified_end:
            self._notified_end = end  # a waiter with an earlier timer checks again when it expires
        elif end < self._notified_end - _MIN_CHANGE_S:
            self._notified_end = end
            self.changed.set()

    async def acquire(self) -> None:
        """Wait for the slot and acquire it."""
        self._waiting += 1
        try:
            await self._lock.acquire()
        finally:
            self._waiting -= 1
        self.acquisitions += 1
        self.changed.set()

    def release(self) -> None:
        """Release the slot."""
        self._started = None
        self._on_its_way.clear()
        self._lock.release()
        self.changed.set()

    async def wait_for_handoff(self) -> None:
        """If a request waits for the slot, wait until it was sent.

        Any other work of this process in these milliseconds would leave the GPU idle.
        """
        if self._waiting:
            with suppress(TimeoutError):
                async with asyncio.timeout(_HANDOFF_TIMEOUT_S):
                    await self._on_its_way.wait()

    async def __aenter__(self) -> Self:
        await self.acquire()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()
