"""One run of the reconciler: how long it may go on, and what it did."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

_RESERVE_S: Final = 20.0
"""As long as the calls for one record may take when a service hangs."""


class RunNotDoneError(Exception):
    """Services refused some of a run's calls; the next run makes them again."""


class Run:
    """One run.

    Args:
        remaining_s: seconds until Lambda ends the invocation.

    Attributes:
        counts: what was done, by the names of its metrics.
        errors: what services said this time, and how often.
    """

    def __init__(self, remaining_s: Callable[[], float]) -> None:
        self._remaining_s = remaining_s
        self._whole_s = remaining_s()
        self.counts: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()

    def has_time(self, *, keep: float = 0.0) -> bool:
        """Whether there is time for one more record.

        Args:
            keep: share of the run, 0 to 1, that must be left for others.
        """
        return self._remaining_s() > max(_RESERVE_S, self._whole_s * keep)

    @contextmanager
    def passing_errors(self) -> Iterator[None]:
        """Count what a service refuses this time, and go on: one record or queue never holds up the others."""
        try:
            yield
        except ClientError as error:
            self.errors[f"{error.operation_name}: {error.response['Error']['Code']}"] += 1
        except BotoCoreError as error:
            self.errors[type(error).__name__] += 1
