"""How much is fetched for a task, from where, and how long that may take."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from queue_agent.errors import BadTaskError
from task_record.inputs.sizes import InputSizes


class LinkError(Exception):
    """An input cannot be had. The message never holds a link: its query may be a signature."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputLimits:
    """Limits of inputs.

    Attributes:
        input_buckets: buckets that tasks may read from, besides their owner's uploads.
        sizes: largest input, and most of a task's inputs together.
        timeout_s: longest time in which nothing of an input arrives; and for all inputs of a task, from the first name
            lookup to the last byte, where they are small.
        least_bytes_per_s: so fast large inputs must be: for as many bytes a second is added to the time for all.
        max_redirects: most redirects of a link.
        parallel: how many are fetched at the same time.
    """

    input_buckets: frozenset[str] = frozenset()
    sizes: InputSizes = field(default_factory=InputSizes)
    timeout_s: float = 30.0
    least_bytes_per_s: int = 2**19
    max_redirects: int = 5
    parallel: int = 4


class Budget:
    """What the inputs of one task may still take: bytes, and time, which grows with what has arrived.

    Args:
        limits: for a task.
    """

    def __init__(self, limits: InputLimits) -> None:
        self._limits = limits
        self._left = limits.sizes.max_total_bytes
        self._deadline: asyncio.Timeout | None = None

    @asynccontextmanager
    async def in_time(self) -> AsyncIterator[None]:
        """Do in here what takes bytes.

        Raises:
            BadTaskError: it takes too long.
        """
        limits = self._limits
        try:
            async with asyncio.timeout(limits.timeout_s) as self._deadline:
                yield
        except TimeoutError as error:
            raise BadTaskError(
                "input",
                f"the inputs did not arrive within {limits.timeout_s:g} s and a second more for every "
                f"{limits.least_bytes_per_s >> 10} KiB",
            ) from error

    def check(self, size_bytes: int) -> None:
        """Check the size of one input.

        Raises:
            LinkError: it is too large.
        """
        if size_bytes > self._limits.sizes.max_bytes:
            raise LinkError(f"is larger than {self._limits.sizes.max_bytes} bytes")

    def take(self, size_bytes: int) -> None:
        """Take bytes that have arrived.

        Raises:
            LinkError: the inputs are too large together.
        """
        self._left -= size_bytes
        if self._left < 0:
            raise LinkError(
                f"is one too many: the inputs are larger than {self._limits.sizes.max_total_bytes} bytes together"
            )
        deadline = self._deadline
        if deadline is not None and not deadline.expired():
            deadline.reschedule((deadline.when() or 0.0) + size_bytes / self._limits.least_bytes_per_s)

    def give_back(self, size_bytes: int) -> None:
        """Give back bytes of an input that is fetched again from its start; the time that they took is gone."""
        self._left += size_bytes
