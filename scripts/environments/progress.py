"""What set-up says while it works: a spinner in a terminal, plain sentences anywhere else."""

import asyncio
import itertools
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Never, TextIO

_FRAME_S: Final = 0.1
_REMINDER_S: Final = 15
_CLEAR_LINE: Final = "\r\x1b[K"


class Progress:
    """What is going on now, for the one who waits.

    Args:
        stream: where to; a terminal gets a line that changes, anything else a sentence when a step starts, and one
            every 15 s while it goes on.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty() and os.environ.get("TERM") != "dumb"
        self._steps: list[str] = []
        self._since_s = 0.0
        self._reminder_s = 0.0

    def say(self, sentence: str) -> None:
        """Print a sentence that stays."""
        self._stream.write(f"{_CLEAR_LINE if self._is_terminal else ''}set-up: {sentence}\n")
        self._stream.flush()

    def quote(self, lines: str) -> None:
        """Print what another program said, below a sentence."""
        for line in lines.splitlines():
            self._stream.write(f"    {line}\n")
        self._stream.flush()

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Show a step for as long as the context lasts.

        Args:
            what: "installing packages": what is being done, and in which folder.
        """
        if not self._steps:
            self._since_s = time.monotonic()
            self._reminder_s = self._since_s + _REMINDER_S
        self._steps.append(what)
        if not self._is_terminal:
            self.say(what)
        try:
            yield
        finally:
            self._steps.remove(what)
            if self._is_terminal and not self._steps:
                self._stream.write(_CLEAR_LINE)
                self._stream.flush()

    async def run(self) -> Never:
        """Keep what is shown up to date, until cancelled."""
        for frame in itertools.cycle("|/-\\"):
            await asyncio.sleep(_FRAME_S)
            now_s = time.monotonic()
            if not self._steps:
                continue
            line = f"{'; '.join(self._steps)} ({now_s - self._since_s:.0f} s)"
            if self._is_terminal:
                width = shutil.get_terminal_size().columns
                self._stream.write(f"{_CLEAR_LINE}{f'{frame} {line}'[: width - 1]}")
                self._stream.flush()
            elif now_s >= self._reminder_s:
                self.say(f"still {line}")
                self._reminder_s = now_s + _REMINDER_S
        raise AssertionError  # a cycle has no end
