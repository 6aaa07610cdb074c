"""Limits of the inputs of a task: size, time and source."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from queue_agent.errors import BadTaskError
from task_record.inputs.sizes import InputSizes


class LinkError(Exception):
    """An input that cannot be fetched. The message never contains the link: its query may be a signature."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputLimits:
    """Limits of inputs.

    Attributes:
        input_buckets: allowed buckets, in addition to the uploads of the task's owner.
        sizes: maximum size of one input, and of all inputs of a task.
        timeout_s: read timeout of one input, and timeout of all inputs of a task, from the first DNS lookup to the last
            byte. Large inputs extend the latter.
        min_bytes_per_s: minimum speed of large inputs: each received block of this many bytes extends the timeout by a
            second.
        max_redirects: maximum redirects of a link.
        parallel: maximum number of parallel fetches.
    """

    input_buckets: frozenset[str] = frozenset()
    sizes: InputSizes = field(default_factory=InputSizes)
    timeout_s: float = 30.0
    min_bytes_per_s: int = 2**19
    max_redirects: int = 5
    parallel: int = 4


class Budget:
    """Remaining bytes and time for the inputs of one task. Received bytes extend the time."""

    def __init__(self, limits: InputLimits) -> None:
        self._limits = limits
        self._left = limits.sizes.max_total_bytes
        self._deadline: asyncio.Timeout | None = None

    @asynccontextmanager
    async def in_time(self) -> AsyncIterator[None]:
        """Context with the time limit. All fetches must run in it.

        Raises:
            BadTaskError: the time is over.
        """
        limits = self._limits
        try:
            async with asyncio.timeout(limits.timeout_s) as self._deadline:
                yield
        except TimeoutError as error:
            raise BadTaskError(
                "input",
                f"the inputs must arrive within {limits.timeout_s:g} s plus one second for each "
                f"{limits.min_bytes_per_s >> 10} KiB; send smaller inputs, or use a faster host",
            ) from error

    def check(self, size_bytes: int) -> None:
        """Check the size of one input.

        Raises:
            LinkError: the input is too large.
        """
        if size_bytes > self._limits.sizes.max_bytes:
            raise LinkError(f"must be at most {self._limits.sizes.max_bytes} bytes")

    def take(self, size_bytes: int) -> None:
        """Count received bytes.

        Raises:
            LinkError: the total size of the inputs is too large.
        """
        self._left -= size_bytes
        if self._left < 0:
            raise LinkError(
                f"is too large: all inputs together must be at most {self._limits.sizes.max_total_bytes} bytes"
            )
        deadline = self._deadline
        if deadline is not None and not deadline.expired():
            deadline.reschedule((deadline.when() or 0.0) + size_bytes / self._limits.min_bytes_per_s)

    def refund(self, size_bytes: int) -> None:
        """Return the bytes of an input that is fetched again from the start. The used time is not returned."""
        self._left += size_bytes
