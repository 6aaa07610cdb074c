"""The output of a program on a real pseudo-terminal or a real pipe."""

import fcntl
import os
import pty
import struct
import termios
from contextlib import suppress
from threading import Thread
from types import TracebackType
from typing import Self, TextIO

COLUMNS = 40


class Screen:
    """A terminal of 40 columns, or a pipe.

    Args:
        is_terminal: a terminal, not a pipe.

    Attributes:
        stream: where to write; closed at the end of the block.
        text: the output, after the end of the block, with the line ends of a pipe.
    """

    def __init__(self, *, is_terminal: bool) -> None:
        self._ours, theirs = pty.openpty() if is_terminal else os.pipe()
        if is_terminal:
            fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
        self.stream: TextIO = os.fdopen(theirs, "w", encoding="utf-8")
        self.text = ""
        self._written = b""
        self._reader = Thread(target=self._read, daemon=True)

    def _read(self) -> None:
        with suppress(OSError):  # Linux reports the closed other side of a terminal with this error
            while chunk := os.read(self._ours, 65536):
                self._written += chunk

    def __enter__(self) -> Self:
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stream.close()
        self._reader.join()
        os.close(self._ours)
        self.text = self._written.decode().replace("\r\n", "\n")
