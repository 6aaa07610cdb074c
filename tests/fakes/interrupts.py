"""Signals of the terminal, for children of tests."""

import signal


def take_interrupts() -> None:
    """Restore the signals of the terminal in a child. Tests in the background of a shell ignore them."""
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)
