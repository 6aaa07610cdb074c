"""One run of the reconciler: its time limit, and the counts of its results."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

_RESERVE_S: Final = 20.0
"""The calls for one record take at most this long when a service does not respond."""


class RunNotDoneError(Exception):
    """Some calls of a run failed; the next run repeats them."""


class Run:
    """One run.

    Args:
        remaining_s: seconds until Lambda ends the invocation.

    Attributes:
        counts: results, by the names of their metrics.
        errors: number of errors by operation and code.
    """

    def __init__(self, remaining_s: Callable[[], float]) -> None:
        self._remaining_s = remaining_s
        self._whole_s = remaining_s()
        self.counts: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()

    def has_time(self, *, keep: float = 0.0) -> bool:
        """Whether there is time for one more record.

        Args:
            keep: share of the run's time, 0 to 1, that must remain.
        """
        return self._remaining_s() > max(_RESERVE_S, self._whole_s * keep)

    @contextmanager
    def counting_errors(self) -> Iterator[None]:
        """Count errors of services and continue, so that one record or queue never blocks the others."""
        try:
            yield
        except ClientError as error:
            self.errors[f"{error.operation_name}: {error.response['Error']['Code']}"] += 1
        except BotoCoreError as error:
            self.errors[type(error).__name__] += 1
