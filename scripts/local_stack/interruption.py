"""Ctrl-C and SIGTERM: both end with everything stopped."""

import signal
import sys
from types import FrameType


class Interruption:
    """Raises KeyboardInterrupt for either signal, from its construction on.

    The interrupt is raised at once, and again at the next step: one that falls into a finalizer, or into what is called
    at a fork, is dropped by Python, which would print it as well.
    """

    def __init__(self) -> None:
        self._is_requested = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._interrupt)
        sys.unraisablehook = self._drop

    def check(self) -> None:
        """Raise the interrupt that was requested."""
        if self._is_requested:
            raise KeyboardInterrupt

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        # Once: what stops everything must not be interrupted itself.
        if not self._is_requested:
            self._is_requested = True
            raise KeyboardInterrupt

    @staticmethod
    def _drop(dropped: "sys.UnraisableHookArgs") -> None:
        if not issubclass(dropped.exc_type, KeyboardInterrupt):
            sys.__unraisablehook__(dropped)
