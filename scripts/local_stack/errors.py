"""What can go wrong with the local stack, each in one sentence for the person at the keyboard."""

import shutil
from pathlib import Path
from typing import Final

_ROOM_BYTES: Final = 2**20


class LocalStackError(Exception):
    """The local stack cannot be brought up or has broken: what, and what to do."""


def words(error: Exception, folder: Path) -> str:
    """What went wrong, for a person.

    Args:
        error: what was raised.
        folder: where the local stack writes: a child dies of a full disk with words of its own.
    """
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if shutil.disk_usage(there).free < _ROOM_BYTES:
        return f"the disk of {folder} is full; make room on it, then try again"
    if isinstance(error, OSError) and error.strerror is not None and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)
