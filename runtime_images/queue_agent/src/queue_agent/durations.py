"""How long inferences take, by the last ones that were alike."""

import statistics
from collections import OrderedDict, deque
from typing import Final

_KEPT: Final = 20
_KINDS: Final = 200
"""Kinds that are remembered; the one that was not seen for longest is forgotten."""
_SHORT_S: Final = 2.0
"""Below it a wrong estimate costs little; above it durations that differ much say nothing."""
_LARGEST_SPREAD: Final = 0.5


class Durations:
    """The last durations of each kind of task."""

    def __init__(self) -> None:
        self._by_likeness: OrderedDict[str, deque[float]] = OrderedDict()

    def add(self, likeness: str, seconds: float) -> None:
        """Remember how long a task took."""
        known = self._by_likeness.setdefault(likeness, deque(maxlen=_KEPT))
        known.append(seconds)
        self._by_likeness.move_to_end(likeness)
        if len(self._by_likeness) > _KINDS:
            self._by_likeness.popitem(last=False)

    def expected_s(self, likeness: str) -> float | None:
        """Seconds that 90 % of the last alike took at most.

        Returns:
            `None` where none is known, or where long ones differ by more than half of their median.
        """
        known = sorted(self._by_likeness.get(likeness, ()))
        if not known:
            return None
        median = statistics.median(known)
        longest, shortest = percentile(known, 0.9), percentile(known, 0.1)
        if median > _SHORT_S and longest - shortest > _LARGEST_SPREAD * median:
            return None
        return longest


def percentile(ordered: list[float], share: float) -> float:
    """The smallest value that at least this share of the values does not exceed.

    Args:
        ordered: at least one value, in rising order.
        share: above 0, at most 1.
    """
    # Ranks are whole: the rounding keeps 0.9 * 20, which is a little more than 18 to a computer, at 18.
    rank = -(-round(share * len(ordered), 9) // 1)
    return ordered[max(0, int(rank) - 1)]
