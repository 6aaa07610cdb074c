"""One set-up at a time: a second one waits until the first, and all that the first has started, has ended."""

import fcntl
import os
from pathlib import Path


class SetUpLock:
    """A lock that the kernel releases when its holder ends, however that happens.

    Child processes get it as their standard input and so hold it as well: where set-up is killed, a package installer
    that it has left behind still works in the environment, and a next set-up must not begin before that has ended.

    Args:
        path: the lock's file; made where there is none.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    @property
    def descriptor(self) -> int:
        """The held lock, as a file that is at its end: for the standard input of child processes."""
        if self._descriptor is None:
            raise RuntimeError("the lock is not held")
        return self._descriptor

    def acquire(self) -> bool:
        """Take the lock if it is free.

        Returns:
            Whether it is held now.
        """
        while True:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                return False
            if self._is_at_path(descriptor):
                break
            os.close(descriptor)  # `make clean` has deleted this file since it was opened
        os.ftruncate(descriptor, 0)
        os.write(descriptor, b"%d\n" % os.getpid())
        self._descriptor = descriptor
        return True

    def holder(self) -> str:
        """Process id of the set-up that has taken it; empty where it did not come to write it down."""
        try:
            return self._path.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return ""

    def _is_at_path(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), self._path.stat())
        except FileNotFoundError:
            return False
