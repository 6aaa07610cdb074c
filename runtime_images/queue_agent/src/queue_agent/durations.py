"""Estimates how long inferences take, from the courses of the last similar ones."""

from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from typing import Final

from queue_agent.course import Course

_KEPT: Final = 20
_KINDS: Final = 200
"""Maximum number of duration keys. The least recently used one is evicted."""
_MOST: Final = 0.9
"""The estimate is this percentile of the similar inferences."""
_SHORT_S: Final = 2.0
"""A wrong estimate of a shorter inference costs little. For a longer one, the spread must be small."""
_MAX_SPREAD: Final = 0.5


class Durations:
    """The last courses for each duration key."""

    def __init__(self) -> None:
        self._by_key: OrderedDict[str, deque[Course]] = OrderedDict()

    def add(self, duration_key: str, course: Course) -> None:
        """Add the course of a completed inference."""
        known = self._by_key.setdefault(duration_key, deque(maxlen=_KEPT))
        known.append(course)
        self._by_key.move_to_end(duration_key)
        if len(self._by_key) > _KINDS:
            self._by_key.popitem(last=False)

    def similar(self, duration_key: str) -> Sequence[Course]:
        """The last courses with a duration key."""
        return tuple(self._by_key.get(duration_key, ()))


def expected_left_s(similar: Sequence[Course], course: Course) -> float | None:
    """Estimate the remaining seconds of an inference from its current share.

    The estimate is the 90th percentile of the similar inferences from this share on. If long ones differ by more than
    half of their median, it is scaled by the time so far: some tasks are larger than others, and a GPU may become
    slower.

    Args:
        similar: courses of completed inferences.
        course: the course of the running inference.

    Returns:
        `None` if there is none, or if the spread is too large in both ways.
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
    if median > _SHORT_S and longest - percentile(ordered, 1 - _MOST) > _MAX_SPREAD * median:
        return None
    return longest


def percentile(ordered: list[float], share: float) -> float:
    """The smallest value that at least this share of the values does not exceed.

    Args:
        ordered: at least one value, in ascending order.
        share: more than 0, at most 1.
    """
    # Rounded, because 0.9 * 20 is slightly more than 18 in floating point.
    rank = -(-round(share * len(ordered), 9) // 1)
    return ordered[max(0, int(rank) - 1)]
