"""What can go wrong with the local stack, each in one sentence for the person at the keyboard."""

import os
import shutil
from errno import ENOSPC
from pathlib import Path
from typing import Final

_FULL_BYTES: Final = 2**20
_NEEDED_BYTES: Final = 100 * 2**20
"""What a stack writes, and what its tasks add at first: 36 MB were measured with two runtimes."""


class LocalStackError(Exception):
    """The local stack cannot be brought up or has broken: what, and what to do."""


def words(error: Exception, folder: Path) -> str:
    """What went wrong, for a person.

    Args:
        error: what was raised.
        folder: where the local stack writes: a child that dies of a full disk may not name it.
    """
    if os.strerror(ENOSPC).lower() in str(error).lower() or _free_bytes(folder) < _FULL_BYTES:
        return f"the disk of {folder} is full; make room on it, then try again"
    if isinstance(error, OSError) and error.strerror is not None and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def check_room(folder: Path) -> None:
    """Check that a stack has room.

    Raises:
        LocalStackError: the disk is as good as full.
    """
    free = _free_bytes(folder)
    if free < _NEEDED_BYTES:
        raise LocalStackError(
            f"the disk of {folder} has {free // 2**20} MB left and a stack needs {_NEEDED_BYTES // 2**20}; "
            "make room on it, then try again"
        )


def _free_bytes(folder: Path) -> int:
    there = next(path for path in (folder, *folder.parents) if path.exists())
    return shutil.disk_usage(there).free
