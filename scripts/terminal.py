"""What a script shows to the person who runs it: lines that stay as they are, and what is being waited for.

A line is never wrapped and nothing in it is markup: paths and commands can be copied as they were printed, at any width
of the terminal, and `[x]` in the name of a folder stays. In a terminal a spinner shows what is being waited for
and for how long; in a pipe the same is a line every 15 s, without control characters.
"""

import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Event, Thread
from typing import Final, TextIO, TypeVar

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.prompt import Confirm
from rich.table import Column, Table
from rich.text import Text

REPORT_EVERY_S: Final = 15.0
"""How often a pipe gets a line about what is being waited for."""

_PIPE_WIDTH: Final = 1000
"""Wider than any table: in a pipe nothing has to be squeezed into a width."""

_NOT_ANIMATED: Final = frozenset({"dumb", "unknown"})
"""Values of TERM of terminals that cannot move their cursor."""

_CONTROL_CHARACTER: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""All but the tab and the end of a line."""

Item = TypeVar("Item")


class Wait:
    """What is being waited for.

    Attributes:
        what: a sentence without its end, such as `text-to-image on sd: queued`.
    """

    def __init__(self, what: str) -> None:
        self.what = what

    def update(self, what: str) -> None:
        """Say what it is now."""
        self.what = what


class _SpinningWait(Wait):
    def __init__(self, what: str, progress: Progress) -> None:
        super().__init__(what)
        self._progress = progress
        self._task = progress.add_task(what, total=None)

    def update(self, what: str) -> None:
        super().update(what)
        self._progress.update(self._task, description=what)


class Terminal:
    """Where a script shows what it does.

    Args:
        stream: standard error by default; standard output is for results.
        report_every_s: seconds between two lines about the same wait in a pipe.

    Attributes:
        is_animated: whether a spinner can be shown: the stream is a terminal.
    """

    def __init__(self, stream: TextIO | None = None, *, report_every_s: float = REPORT_EVERY_S) -> None:
        stream = sys.stderr if stream is None else stream
        self.is_animated: bool = stream.isatty() and os.environ.get("TERM") not in _NOT_ANIMATED
        self._report_every_s = report_every_s
        # What the stream is decides, not FORCE_COLOR and the like: a pipe gets no control characters.
        self._console = Console(
            file=stream,
            force_terminal=self.is_animated,
            force_interactive=self.is_animated,
            width=None if self.is_animated else _PIPE_WIDTH,
            markup=False,
            emoji=False,
            highlight=False,
        )

    def line(self, text: str, *, style: str | None = None) -> None:
        """Print a string as it is.

        Args:
            text: what to print; control characters are escaped, since a name may be anybody's.
            style: how it looks in a terminal, such as `bold` or `red`.
        """
        visible = _CONTROL_CHARACTER.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
        self._console.out(visible, style=style, highlight=False)

    def table(self, table: Table) -> None:
        """Print a table: in a terminal as wide as that, in a pipe as wide as the table needs; nothing is cut off."""
        for column in table.columns:
            column.overflow = "fold"
        self._console.print(table)

    def agrees(self, question: str) -> bool:
        """Ask a question that can be answered with yes or no.

        Raises:
            EOFError: the answer is Ctrl-D.
        """
        return Confirm.ask(Text(question), console=self._console, default=False)

    @contextmanager
    def waiting(self, what: str) -> Iterator[Wait]:
        """Show what is being waited for, until the block ends; no two such blocks at a time.

        Args:
            what: a sentence without its end; `Wait.update` changes it.
        """
        if not self.is_animated:
            with self._reported(Wait(what)) as wait:
                yield wait
            return
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=False)),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self._console, transient=True) as progress:
            yield _SpinningWait(what, progress)

    def each(self, items: Sequence[Item], what: str) -> Iterator[Item]:
        """Go through items and show how far it has come.

        Args:
            items: what to go through.
            what: what is done with them, such as `sending`.
        """
        with self.waiting(what) as wait:
            for number, item in enumerate(items, start=1):
                wait.update(f"{what}: {number} of {len(items)}")
                yield item

    @contextmanager
    def _reported(self, wait: Wait) -> Iterator[Wait]:
        began, ended = time.monotonic(), Event()

        def report() -> None:
            while not ended.wait(self._report_every_s):
                self.line(f"waiting for {time.monotonic() - began:.0f} s: {wait.what}")

        thread = Thread(target=report, daemon=True)
        thread.start()
        try:
            yield wait
        finally:
            ended.set()
            thread.join()
