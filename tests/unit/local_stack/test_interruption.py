"""Ctrl-C that falls where Python drops exceptions: it is reported all the same, and nothing is printed."""

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

SCRIPTS: Final = Path(__file__).parents[3] / "scripts"
PROGRAM: Final = """
import os, signal
from local_stack.interruption import Interruption

interruption = Interruption()

class Finalized:
    def __del__(self):
        {what}

Finalized()
try:
    interruption.check()
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.parametrize(
    ("what", "output", "errors"),
    [
        ("os.kill(os.getpid(), signal.SIGTERM)", "interrupted", False),
        ("os.kill(os.getpid(), signal.SIGINT)", "interrupted", False),
        ("raise ValueError('reported')", "", True),
    ],
)
def test_an_interrupt_within_a_finalizer_is_raised_at_the_next_step(what: str, output: str, errors: bool) -> None:
    done = subprocess.run(  # noqa: S603 (the program above)
        [sys.executable, "-c", PROGRAM.format(what=what)], cwd=SCRIPTS, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == output
    assert ("Traceback" in done.stderr) == errors
