"""Signals of the terminal, for children of tests."""

import signal


def take_interrupts() -> None:
    """Let a child hear Ctrl-C and the like where the tests run in the background of a shell, and so ignore them."""
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)
