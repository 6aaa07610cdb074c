"""The GPU: one inference at a time, and when it is expected to be free."""

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

_HAND_OVER_S: Final = 0.05
"""A request that is not on its way so long after the slot was let go waits for something else than this process."""

_AT_ONCE_S: Final = 0.1
"""What is done so soon was not computed: ComfyUI counts nodes whose outputs it still has. The rest tells the pace."""
_REMEMBERED_S: Final = 2.0
"""Estimates are looked at again a lead after they were made, which is a second at most."""
_WORTH_TELLING_S: Final = 0.005
"""Each step of a server moves the estimate a little; to look again at each costs as much as the step's event."""
_COMPARE_EVERY_S: Final = 0.05
"""To compare with 20 courses costs more than a step's event; what is left out makes no end more than this too early."""


class GpuSlot:
    """Whose turn it is. Whoever holds the slot alone speaks to the runtime about an inference, interrupts included.

    Attributes:
        turn: counts the turns; tells one inference from the next.
        course: of the inference that runs, or ran last.
        changed: set whenever the slot is taken, let go, or expected to be free earlier than it was.
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
        self._told: float = math.inf
        self.turn: int = 0
        self.course: Course = Course()
        self.changed: asyncio.Event = asyncio.Event()

    @property
    def is_busy(self) -> bool:
        """Whether somebody holds it."""
        return self._lock.locked()

    @property
    def expected_end(self) -> float | None:
        """Monotonic time at which the inference is expected to end; `None` where nobody knows."""
        return None if self._started is None else self._expected[-1][1]

    def begin(self, similar: Sequence[Course]) -> None:
        """The inference begins.

        Args:
            similar: the last courses of its kind.
        """
        self._started = clock.monotonic_s()
        self._similar, self.course = similar, Course()
        self._base = (self._started, 0.0)
        self._share = 0.0
        self._expected.clear()
        self._told = math.inf
        self._expect_by_similar(self._started)

    def progressed(self, share: float) -> None:
        """The runtime has the request, or reports how much is done, 0 to 1.

        Where similar inferences are known, it says where this one is on their course; else how fast it is.
        """
        self._on_its_way.set()
        if self._started is None:
            return
        now = clock.monotonic_s()
        has_come_further = self.course.reach(share, now - self._started)
        if not self._similar:
            self._expect_by_pace(share, now)
        elif has_come_further and now - self._compared_at >= _COMPARE_EVERY_S:
            self._expect_by_similar(now)

    def _expect_by_similar(self, now: float) -> None:
        self._compared_at = now
        left_s = expected_left_s(self._similar, self.course)
        self._expect(None if left_s is None else now + left_s)

    def _expect_by_pace(self, share: float, now: float) -> None:
        # Heard again, it tells no more than at first, when it was nearer to the step that it counts.
        has_moved, self._share = share != self._share, share
        since, had = self._base
        if self._started is not None and now - self._started <= _AT_ONCE_S:
            self._base = (now, share)
        elif has_moved and share > had:
            self._expect(since + (now - since) * (1 - had) / (share - had))

    def expected_end_at(self, when: float) -> float | None:
        """What was expected at a time of the last seconds (monotonic); the inference may have ended since."""
        return next((end for since, end in reversed(self._expected) if since <= when), None)

    def _expect(self, end: float | None) -> None:
        now = clock.monotonic_s()
        self._expected.append((now, end))
        # The second one was in force before the time that matters, so the first is of no use.
        while len(self._expected) > 1 and self._expected[1][0] < now - _REMEMBERED_S:
            self._expected.popleft()
        if end is None:
            self._told = math.inf  # nobody waits for a time
        elif end > self._told:
            self._told = end  # whoever waits for an earlier time looks again by itself
        elif end < self._told - _WORTH_TELLING_S:
            self._told = end
            self.changed.set()

    async def take(self) -> None:
        """Wait for the slot and take it."""
        self._waiting += 1
        try:
            await self._lock.acquire()
        finally:
            self._waiting -= 1
        self.turn += 1
        self.changed.set()

    def let_go(self) -> None:
        """Let the next one have it."""
        self._started = None
        self._on_its_way.clear()
        self._lock.release()
        self.changed.set()

    async def handed_over(self) -> None:
        """Wait until the next request is on its way, where one waits for the slot.

        Whatever else this process does in these few milliseconds would have the GPU wait.
        """
        if self._waiting:
            with suppress(TimeoutError):
                async with asyncio.timeout(_HAND_OVER_S):
                    await self._on_its_way.wait()

    async def __aenter__(self) -> Self:
        await self.take()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.let_go()
