"""A child process that never outlives its parent, and is named with its last words when it dies."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from local_stack.errors import LocalStackError

_PR_SET_PDEATHSIG: Final = 1
_LAST_LINES: Final = 15
_LIBC: Final = ctypes.CDLL(None)


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class ChildProcess:
    """A child in a process group of its own.

    The kernel kills it when its parent dies, however that happens, so nothing stays behind. Its output goes to a file.

    Args:
        name: what people call it.
        command: program and arguments.
        environment: the whole environment: nothing of the parent's comes along by itself.
        log: file for its output; appended to.
        folder: its working directory.
    """

    def __init__(
        self, name: str, command: Sequence[str], *, environment: Mapping[str, str], log: Path, folder: Path
    ) -> None:
        self.name = name
        self.log = log
        self._command = [*command]
        self._environment = dict(environment)
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Its process id.

        Raises:
            LocalStackError: it does not run.
        """
        if self._process is None:
            raise LocalStackError(f"{self.name} does not run")
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        """Whether it has exited, or was never started."""
        return self._process is None or self._process.poll() is not None

    @property
    def exit_status(self) -> int | None:
        """Its exit status, negative for a signal; `None` while it runs."""
        return None if self._process is None else self._process.poll()

    def start(self) -> None:
        """Start it.

        Raises:
            LocalStackError: the program is not there.
        """
        try:
            with self.log.open("ab") as log:
                self._process = subprocess.Popen(  # noqa: S603 (our own commands)
                    self._command,
                    env=self._environment,
                    cwd=self._folder,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    preexec_fn=_die_with_parent,  # noqa: PLW1509 (one system call of a library that is loaded already)
                )
        except FileNotFoundError as error:
            raise LocalStackError(f"{self.name} is missing: {self._command[0]}; run `make setup`") from error

    def wait_until_done(self, *, timeout_s: float) -> None:
        """Wait until it has done its work, after it was started.

        Raises:
            LocalStackError: it failed, or is not done in time.
        """
        deadline = time.monotonic() + timeout_s
        while not self.has_ended:
            if time.monotonic() > deadline:
                raise LocalStackError(f"{self.name} is not done after {timeout_s:g} s:\n{self.last_words()}")
            time.sleep(0.05)
        if self.exit_status != 0:
            self.check()

    def wait_until(self, is_ready: Callable[[], bool], *, timeout_s: float) -> None:
        """Wait until it is ready.

        Raises:
            LocalStackError: it has died, or is not ready in time.
        """
        deadline = time.monotonic() + timeout_s
        while not is_ready():
            self.check()
            if time.monotonic() > deadline:
                raise LocalStackError(f"{self.name} is not ready after {timeout_s:g} s:\n{self.last_words()}")
            time.sleep(0.05)

    def check(self) -> None:
        """Check that it runs.

        Raises:
            LocalStackError: it has died.
        """
        if self.has_ended:
            raise LocalStackError(
                f"{self.name} has died with exit status {self.exit_status}; its last words:\n{self.last_words()}"
            )

    def last_words(self) -> str:
        """The last lines that it printed."""
        if not self.log.exists():
            return ""
        lines = self.log.read_text(errors="replace").splitlines()[-_LAST_LINES:]
        return "\n".join(f"    {line}" for line in lines)

    def kill(self) -> None:
        """Kill it, and all that it started, at once."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def terminate(self) -> None:
        """Ask it to stop; `stop` waits for that as well."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def stop(self, timeout_s: float = 5) -> int | None:
        """Ask it to stop, and kill it where it does not.

        Returns:
            Its exit status.
        """
        if self._process is None:
            return None
        self.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout_s)
        self._signal(signal.SIGKILL)  # what it started may still be there
        return self._process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            return


def _die_with_parent() -> None:
    # https://man7.org/linux/man-pages/man2/pr_set_pdeathsig.2const.html
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
