"""When to fetch the next task while the GPU is busy: just in time.

A task that is fetched too early waits here while another pod's GPU may idle; one that is fetched too late lets this GPU
idle. So it is fetched the lead before the expected end: as long as fetching takes, and the estimate's error on top.
"""

from collections import deque
from typing import Final

from queue_agent.durations import percentile

_KEPT: Final = 20
_SHORTEST_LEAD_S: Final = 0.1
_LONGEST_LEAD_S: Final = 1.0
_FIRST_LEAD_S: Final = 0.25
"""Before anything was measured."""
_SHARE: Final = 0.95


class Prefetch:
    """The lead, from what was measured."""

    def __init__(self) -> None:
        self._fetched_in_s: deque[float] = deque(maxlen=_KEPT)
        self._missed_by_s: deque[float] = deque(maxlen=_KEPT)

    @property
    def lead_s(self) -> float:
        """How long before the expected end the next task is fetched."""
        if not self._fetched_in_s:
            return _FIRST_LEAD_S
        missed = percentile(sorted(self._missed_by_s), _SHARE) if self._missed_by_s else 0.0
        lead = percentile(sorted(self._fetched_in_s), _SHARE) + missed
        return min(max(lead, _SHORTEST_LEAD_S), _LONGEST_LEAD_S)

    def fetched_in(self, seconds: float) -> None:
        """A task was received, claimed and prepared in so many seconds."""
        self._fetched_in_s.append(seconds)

    def inference_ended(self, at: float, expected_end: float | None) -> None:
        """The inference has ended; where that was earlier than expected, later leads make up for it.

        What ends later than expected costs no GPU's time: the task that was fetched for it waits, or goes back.

        Args:
            at: monotonic time.
            expected_end: what was expected a lead before that, when the next task should have been fetched.
        """
        if expected_end is not None:
            self._missed_by_s.append(max(0.0, expected_end - at))

    def fetch_at(self, expected_end: float | None) -> float | None:
        """When to fetch; `None` where the end is not known, and so nothing is fetched before it."""
        return None if expected_end is None else expected_end - self.lead_s
