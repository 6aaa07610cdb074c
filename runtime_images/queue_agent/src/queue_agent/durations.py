"""How long inferences take, by the courses of the last similar ones."""

from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from typing import Final

from queue_agent.course import Course

_KEPT: Final = 20
_KINDS: Final = 200
"""Kinds that are remembered; the one that was not seen for longest is forgotten."""
_MOST: Final = 0.9
"""So many of the similar ones take no longer than is expected."""
_SHORT_S: Final = 2.0
"""Below it a wrong estimate costs little; above it durations that differ much say nothing."""
_LARGEST_SPREAD: Final = 0.5


class Durations:
    """The last courses of each kind of task."""

    def __init__(self) -> None:
        self._by_likeness: OrderedDict[str, deque[Course]] = OrderedDict()

    def add(self, likeness: str, course: Course) -> None:
        """Remember the course of an inference that has ended."""
        known = self._by_likeness.setdefault(likeness, deque(maxlen=_KEPT))
        known.append(course)
        self._by_likeness.move_to_end(likeness)
        if len(self._by_likeness) > _KINDS:
            self._by_likeness.popitem(last=False)

    def similar(self, likeness: str) -> Sequence[Course]:
        """The last courses of a kind."""
        return tuple(self._by_likeness.get(likeness, ()))


def expected_left_s(similar: Sequence[Course], course: Course) -> float | None:
    """Seconds that an inference still takes from the share that it has just reached.

    90 % of the similar ones took that from there, or less. Where long ones differ by more than half of their median, it
    is in proportion to the time so far: some tasks are larger than others, and a GPU may become slower.

    Args:
        similar: courses that have ended.
        course: the present one.

    Returns:
        `None` where none is known, or where they differ either way.
    """
    reached = [(one.seconds_to(course.share), one.seconds) for one in similar]
    left_s = _agreed(seconds - since for since, seconds in reached)
    if left_s is None:
        left_s = _agreed(course.seconds * (seconds - since) / since for since, seconds in reached if since > 0)
    return left_s


def _agreed(values: Iterable[float]) -> float | None:
    ordered = sorted(values)
    if not ordered:
        return None
    median, longest = percentile(ordered, 0.5), percentile(ordered, _MOST)
    if median > _SHORT_S and longest - percentile(ordered, 1 - _MOST) > _LARGEST_SPREAD * median:
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
