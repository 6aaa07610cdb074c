"""Decides when to fetch the next task while the GPU is busy: just in time.

A task that is fetched too early waits here while the GPU of another pod may be idle. A task that is fetched too late
leaves this GPU idle. So the agent fetches it one lead before the expected end. The lead is the duration of a fetch plus
the error of the estimate.
"""

from collections import deque
from typing import Final

from queue_agent.durations import percentile

_KEPT: Final = 20
_MIN_LEAD_S: Final = 0.1
_MAX_LEAD_S: Final = 1.0
_INITIAL_LEAD_S: Final = 0.25
"""Used until the first measurement."""
_SHARE: Final = 0.95


class Prefetch:
    """Computes the lead from measurements."""

    def __init__(self) -> None:
        self._fetch_durations_s: deque[float] = deque(maxlen=_KEPT)
        self._estimate_errors_s: deque[float] = deque(maxlen=_KEPT)

    @property
    def lead_s(self) -> float:
        """How long before the expected end the next task is fetched, in seconds."""
        if not self._fetch_durations_s:
            return _INITIAL_LEAD_S
        missed = percentile(sorted(self._estimate_errors_s), _SHARE) if self._estimate_errors_s else 0.0
        lead = percentile(sorted(self._fetch_durations_s), _SHARE) + missed
        return min(max(lead, _MIN_LEAD_S), _MAX_LEAD_S)

    def record_fetch(self, seconds: float) -> None:
        """Add the seconds that it took to receive, claim and prepare a task."""
        self._fetch_durations_s.append(seconds)

    def record_inference_end(self, at: float, expected_end: float | None) -> None:
        """Add the end of an inference. If it was earlier than expected, the lead grows.

        An end later than expected costs no GPU time: the prefetched task waits, or is released.

        Args:
            at: monotonic time of the end.
            expected_end: the estimate one lead earlier, when the next task should have been fetched.
        """
        if expected_end is not None:
            self._estimate_errors_s.append(max(0.0, expected_end - at))

    def fetch_at(self, expected_end: float | None) -> float | None:
        """Monotonic time of the next fetch; `None` if the end is unknown, so nothing is prefetched."""
        return None if expected_end is None else expected_end - self.lead_s
