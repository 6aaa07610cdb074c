"""Shows checks while they run."""

from collections.abc import Iterable, Iterator
from typing import Final

from terminal import Terminal, Wait
from verification.check import Check, Finding, run

_MARKS: Final = {"holds": "✓", "broken": "✗", "skipped": "-"}


class Display:
    """Runs checks, and prints a line for each result.

    Args:
        terminal: where it is shown.
    """

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._name = ""
        self._wait = Wait("")

    def report(self, what: str) -> None:
        """Show what the running check is waiting for."""
        self._wait.update(f"{self._name}: {what}")

    def findings(self, checks: Iterable[Check]) -> Iterator[Finding]:
        """Run checks, one after the other."""
        for check in checks:
            self._name = check.name
            with self._terminal.waiting(check.name) as self._wait:
                finding = run(check)
            self._terminal.line(f"{_MARKS[finding.outcome]} {finding.check}: {finding.detail}")
            yield finding
