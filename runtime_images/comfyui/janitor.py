"""Deletes files that the queue agent has delivered. ComfyUI itself never deletes a file.

    python3 janitor.py SCRATCH_DIR FINISHED_FILES

The agent lists the files of finished workflows, except the last two, because the server responds to a repeated workflow
from its cache with the old names. A listed file is deleted when it is older than 10 minutes, and so is an empty folder.
The names are from third-party node packs, so they are not trusted: no name and no symbolic link can leave the server's
three folders, and only regular files are deleted.
"""

import json
import os
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

FOLDERS = ("output", "temp", "input")
LEAST_AGE_S = 600.0
PERIOD_S = 45.0

Folder = tuple[str, ...]
"""One of `FOLDERS`, and the parts of a relative path in it."""


class Janitor:
    """Cleans the server's folders.

    Args:
        scratch: the parent of `FOLDERS`.
        finished_files: the agent's list, one line per file: `["output" | "temp" | "input", subfolder, filename]`.
    """

    def __init__(self, scratch: Path, finished_files: Path) -> None:
        self._scratch = scratch
        self._finished_files = finished_files
        self._emptied: set[Folder] = set()

    def sweep(self, now_s: float) -> int:
        """Delete the listed files that are old enough.

        Args:
            now_s: current time, in epoch seconds.

        Returns:
            Number of deleted files.
        """
        deleted = 0
        for folder, name in self._listed():
            if self._delete_file(folder, name, now_s):
                deleted += 1
                self._emptied.add(folder)
        for folder in sorted(self._emptied, key=len, reverse=True):
            self._delete_folder(folder, now_s)
        return deleted

    def _listed(self) -> Iterator[tuple[Folder, str]]:
        try:
            lines = self._finished_files.read_bytes().splitlines()
        except OSError:  # no workflow has finished yet
            return
        for line in lines:
            try:
                entry = json.loads(line)
            except (ValueError, RecursionError):
                continue
            match entry:
                case [str(kind), str(subfolder), str(name)] if kind in FOLDERS and not subfolder.startswith("/"):
                    parts = [part for part in subfolder.split("/") if part not in {"", "."}]
                    if all(_is_plain(part) for part in (*parts, name)):
                        yield (kind, *parts), name

    def _delete_file(self, folder: Folder, name: str, now_s: float) -> bool:
        try:
            with _opened(self._scratch, folder) as descriptor:
                status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                if not stat.S_ISREG(status.st_mode) or now_s - status.st_mtime < LEAST_AGE_S:
                    return False
                os.unlink(name, dir_fd=descriptor)
        except (OSError, ValueError):  # already deleted, or not a file in the folder
            return False
        return True

    def _delete_folder(self, folder: Folder, now_s: float) -> None:
        """Delete an empty folder that is old enough. The server may be about to write to a newer one."""
        *parent, name = folder
        if parent:
            try:
                with _opened(self._scratch, tuple(parent)) as descriptor:
                    if now_s - os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mtime < LEAST_AGE_S:
                        return
                    os.rmdir(name, dir_fd=descriptor)
            except OSError:  # already deleted, or not empty
                pass
            else:
                self._emptied.add(tuple(parent))
        self._emptied.discard(folder)


@contextmanager
def _opened(base: Path, folder: Folder) -> Iterator[int]:
    """Open a folder part by part, without following symbolic links, and return its file descriptor."""
    with ExitStack() as exits:
        descriptor = os.open(base, os.O_RDONLY | os.O_DIRECTORY)
        exits.callback(os.close, descriptor)
        for part in folder:
            descriptor = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=descriptor)
            exits.callback(os.close, descriptor)
        yield descriptor


def _is_plain(part: str) -> bool:
    return part not in {"", ".", ".."} and not {"/", "\0"} & set(part)


def main() -> None:
    """Clean periodically until the container stops."""
    janitor = Janitor(Path(sys.argv[1]), Path(sys.argv[2]))
    while True:
        janitor.sweep(time.time())
        time.sleep(PERIOD_S)


if __name__ == "__main__":
    main()
