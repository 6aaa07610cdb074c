"""The course of one inference: which share of it was done when."""

from array import array
from bisect import bisect_left
from typing import Final

_RESOLUTION: Final = 64
"""Of points within this part of an inference's time only the last one is kept: a video reports thousands of steps."""


class Course:
    """Seconds since the beginning at which each share was first reported; in between, time passes evenly."""

    def __init__(self) -> None:
        self._shares = array("d", [0.0])
        self._seconds = array("d", [0.0])

    @property
    def share(self) -> float:
        """The largest share that was reported, 0 to 1."""
        return self._shares[-1]

    @property
    def seconds(self) -> float:
        """When that was; the duration, once it has ended."""
        return self._seconds[-1]

    def reach(self, share: float, seconds: float) -> bool:
        """A share was reported, so many seconds after the beginning.

        Returns:
            Whether it is larger than all before. The same one again, or a smaller one, says nothing.
        """
        if share <= self.share:
            return False
        self._shares.append(share)
        self._seconds.append(seconds)
        return True

    def end(self, seconds: float) -> None:
        """The inference has ended, so many seconds after its beginning; no share can be reached any more."""
        last = len(self._shares) - 1
        kept = [0]
        for point in range(1, last):
            # One that is left out lies on a line between two that are hardly apart.
            if self._seconds[point + 1] - self._seconds[kept[-1]] > seconds / _RESOLUTION:
                kept.append(point)
        kept.append(last)
        self._shares = array("d", [*(self._shares[point] for point in kept), 1.0])
        self._seconds = array("d", [*(self._seconds[point] for point in kept), seconds])

    def seconds_to(self, share: float) -> float:
        """When an inference that has ended had reached a share, seconds since its beginning."""
        after = bisect_left(self._shares, share)
        if after == 0:
            return 0.0
        low, since = self._shares[after - 1], self._seconds[after - 1]
        return since + (self._seconds[after] - since) * (share - low) / (self._shares[after] - low)
