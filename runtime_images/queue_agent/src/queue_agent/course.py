"""The course of an inference: its progress over time."""

from array import array
from bisect import bisect_left
from typing import Final

_RESOLUTION: Final = 64
"""Points that are closer than this fraction of the duration are merged: a video reports thousands of steps."""


class Course:
    """For each reported share of an inference, the seconds since its start. Between two points it is interpolated."""

    def __init__(self) -> None:
        self._shares = array("d", [0.0])
        self._seconds = array("d", [0.0])

    @property
    def share(self) -> float:
        """The largest reported share, 0 to 1."""
        return self._shares[-1]

    @property
    def seconds(self) -> float:
        """When this share was reported, in seconds since the start. After the end, the duration."""
        return self._seconds[-1]

    def reach(self, share: float, seconds: float) -> bool:
        """Add a reported share.

        Args:
            share: 0 to 1.
            seconds: since the start.

        Returns:
            Whether it is larger than all before. Otherwise it is ignored.
        """
        if share <= self.share:
            return False
        self._shares.append(share)
        self._seconds.append(seconds)
        return True

    def end(self, seconds: float) -> None:
        """Complete the course with the duration of the inference. No share can be added afterwards."""
        last = len(self._shares) - 1
        kept = [0]
        for point in range(1, last):
            # Interpolation replaces a merged point: its two neighbors are close to each other.
            if self._seconds[point + 1] - self._seconds[kept[-1]] > seconds / _RESOLUTION:
                kept.append(point)
        kept.append(last)
        self._shares = array("d", [*(self._shares[point] for point in kept), 1.0])
        self._seconds = array("d", [*(self._seconds[point] for point in kept), seconds])

    def seconds_to(self, share: float) -> float:
        """When a completed inference reached a share, in seconds since its start."""
        after = bisect_left(self._shares, share)
        if after == 0:
            return 0.0
        low, since = self._shares[after - 1], self._seconds[after - 1]
        return since + (self._seconds[after] - since) * (share - low) / (self._shares[after] - low)
