"""A tool as a child process, which is stopped with us and whose last lines are kept."""

import asyncio
import contextlib
import os
import re
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from environments.errors import SetUpError
from environments.failure import cause

_LAST_LINES: Final = 15
_GRACE_S: Final = 5
_CONTROL: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[^\t\n\x20-\uffff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """How tools are run.

    Attributes:
        folder: their working directory.
        environment: their whole environment.
        stdin: their standard input: the held lock (see `SetUpLock`).
    """

    folder: Path
    environment: Mapping[str, str]
    stdin: int

    async def run(self, what: str, command: Sequence[object]) -> str:
        """Run a tool to its end.

        Args:
            what: what it does, for the error: "installing packages into .venv".
            command: program and arguments, strings and paths.

        Returns:
            What it printed.

        Raises:
            SetUpError: it is missing, or failed.
        """
        try:
            process = await asyncio.create_subprocess_exec(
                *map(str, command),
                cwd=self.folder,
                env=self.environment,
                stdin=self.stdin,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C comes to us alone, and we stop it with all that it has started
            )
        except OSError as error:
            raise SetUpError(f"{what} failed: {command[0]} cannot be started ({error.strerror})") from error
        try:
            printed, _ = await process.communicate()
        finally:
            await _stop(process)
        output = _CONTROL.sub("", printed.decode(errors="replace").replace("\r", "\n"))
        if process.returncode != 0:
            last_lines = "\n".join([line for line in output.splitlines() if line.strip()][-_LAST_LINES:])
            raise SetUpError(f"{what} failed: {cause(output, process.returncode)}", last_lines)
        return output


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        _signal(process, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _GRACE_S)
        _signal(process, signal.SIGKILL)  # it, or what it has started and left behind
        await process.wait()


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
