"""The folder of a stack that stays up: its state for other programs to read, its logs, and who holds it.

    .local/stack-4566.env            what a client sources
    .local/stack-4566/state.json     the state: `StackState`
    .local/stack-4566/*.log          of the supervisor, the emulator, each stand-in and each queue agent
    .local/stack-4566/previous/      the logs of a stack that broke on this port before
    .local/authority/                the authority of all stacks, and the bundle that clients trust

Only the process that holds the lock of the folder writes into it: the supervisor, as long as it lives. The kernel
releases the lock of a process that is killed, so that a state without a holder is stale.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal, Self

from local_stack.errors import LocalStackError

_STATE_FILE: Final = "state.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class StackState:
    """What a stack says of itself. Keys are added, and keep their meaning.

    Attributes:
        pid: of its supervisor, which SIGTERM stops with all that belongs to it.
        port: where it serves, on loopback.
        phase: what it is at.
        step: what it does while it is starting.
        error: why it is broken.
        config: its configuration, as JSON.
        variables: what a client's environment needs; empty until it serves.
        runtimes: name -> type.
        runtime_urls: name -> base URL of the inference server that serves it.
    """

    pid: int
    port: int
    phase: Literal["starting", "serving", "stopping", "broken"]
    step: str = ""
    error: str = ""
    config: str = ""
    variables: Mapping[str, str]
    runtimes: Mapping[str, str]
    runtime_urls: Mapping[str, str]


class StackFolder:
    """The folder of the stack of one port.

    Args:
        root: where the folders of all stacks are.
        port: the port.
    """

    def __init__(self, root: Path, port: int) -> None:
        self._root = root
        self.port = port
        self.path = root / f"stack-{port}"
        self.environment_file = root / f"stack-{port}.env"
        self.log = self.path / "supervisor.log"
        self.authority = root / "authority"
        self.trust_bundle = self.authority / "trust-bundle.pem"

    def take(self, *, descriptor: int | None = None) -> "Lock | None":
        """Take the folder, which is made where there is none; `None` where another process holds it.

        Args:
            descriptor: of the process that took it before and handed it on.
        """
        if descriptor is not None:
            return Lock(self.path, descriptor)
        while True:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self.path, os.O_RDONLY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                return None
            lock = Lock(self.path, descriptor)
            if lock.is_valid():  # it may have been removed between the two calls
                return lock
            lock.release()

    def state(self) -> StackState | None:
        """What the stack says of itself; `None` where it has said nothing.

        Raises:
            LocalStackError: it cannot be read.
        """
        try:
            text = (self.path / _STATE_FILE).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        try:
            return StackState(**json.loads(text))
        except (ValueError, TypeError) as error:
            raise LocalStackError(f"{self.path / _STATE_FILE}: must be a state of this version; remove it") from error

    def write(self, state: StackState) -> None:
        """Write the state; for the holder alone."""
        _write(self.path / _STATE_FILE, json.dumps(asdict(state), indent=1))

    def write_environment(self, script: str) -> None:
        """Write the file that a client sources; for the holder alone."""
        _write(self.environment_file, script)

    def clear(self) -> None:
        """Make room for a new stack, keeping the logs of the one before; for the holder alone."""
        self.environment_file.unlink(missing_ok=True)
        previous = self.path / "previous"
        logs = list(self.path.glob("*.log"))
        if logs:
            shutil.rmtree(previous, ignore_errors=True)
            previous.mkdir()
        for log in logs:
            log.rename(previous / log.name)
        for entry in self.path.iterdir():
            if entry != previous:
                _remove(entry)

    def remove(self) -> None:
        """Remove all of it; for the holder alone, who can write nothing afterwards."""
        self.environment_file.unlink(missing_ok=True)
        shutil.rmtree(self.path, ignore_errors=True)

    def others(self) -> list[int]:
        """Ports of further stacks that are held."""
        ports = (path.name.removeprefix("stack-") for path in self._root.glob("stack-*") if path.is_dir())
        return sorted(port for port in map(int, filter(str.isdecimal, ports)) if port != self.port and self._held(port))

    def _held(self, port: int) -> bool:
        lock = StackFolder(self._root, port).take()
        if lock is not None:
            lock.release()
        return lock is None


class Lock:
    """That a process holds a folder; what it hands the descriptor on to holds it as well."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self.descriptor = descriptor

    def is_valid(self) -> bool:
        """Whether it is still the folder of this path, which may have been removed."""
        try:
            there = self._path.stat()
        except FileNotFoundError:
            return False
        mine = os.fstat(self.descriptor)
        return (mine.st_dev, mine.st_ino) == (there.st_dev, there.st_ino)

    def release(self) -> None:
        """Release it; a process that it was handed on to still holds it."""
        os.close(self.descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def _write(file: Path, text: str) -> None:
    """Write a file for its owner alone: it has a key. A reader sees the old one or the new one."""
    new = file.with_name(f"{file.name}.new")
    new.touch(mode=0o600)
    new.write_text(text, encoding="utf-8")
    new.replace(file)


def _remove(entry: Path) -> None:
    if entry.is_dir() and not entry.is_symlink():
        shutil.rmtree(entry, ignore_errors=True)
    else:
        entry.unlink(missing_ok=True)
