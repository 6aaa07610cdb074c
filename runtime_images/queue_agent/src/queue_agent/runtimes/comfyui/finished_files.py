"""The list of files of finished workflows, for the janitor in the container of the runtime.

The server never deletes its files, and the agent has no access to its disk. So the agent writes a list, and the janitor
deletes the listed files that have not changed for 10 minutes. One file per line, as JSON:

    ["output", "folder/below/it", "x_00001_.png"]

If the same workflow is sent twice in a row, the server responds from its cache, with the file names of the first run.
So the files of the last two workflows are never on the list.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import orjson

from queue_agent import clock
from queue_agent.json_codec import encode_json
from queue_agent.logs import log
from queue_agent.runtimes.comfyui.ui_values import Place, left_files

_KEPT_WORKFLOWS: Final = 2
_LISTED_S: Final = 3600.0
"""Entries are removed after this time. By then the janitor has read them many times."""
_MAX_BYTES: Final = 3 * 2**20
"""The list and its replacement are in a volume with 8 MiB of memory."""
_WRITE_INTERVAL_S: Final = 30.0


class FinishedFiles:
    """The list. Entries from before a restart of the agent are kept.

    Args:
        path: path of the list; None if there is no janitor.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._recent: deque[set[Place]] = deque()
        self._listed: dict[Place, tuple[float, bytes]] | None = None
        self._written_at: float | None = None

    def workflow_ended(self, files: Iterable[Place]) -> None:
        """Add the files of a workflow whose outputs have been read.

        Args:
            files: its files on the server's disk.
        """
        if self._path is None:
            return
        self._recent.append({file for file in files if file.is_inside})
        done = self._recent.popleft() if len(self._recent) > _KEPT_WORKFLOWS else set()
        needed = set().union(*self._recent)
        self._in_use(needed)
        self._add(done - needed)
        self._write()

    def shown(self, outputs: Mapping[str, Any]) -> None:
        """Remove files that a node has just written again. The server reuses the names of deleted files.

        Args:
            outputs: `ui` values by node id.
        """
        if self._path is not None and self._known:
            self._in_use(left_files(outputs))

    def unneeded(self, files: Iterable[Place]) -> None:
        """Add files that no later workflow needs.

        Args:
            files: such as uploaded inputs, whose names are never reused.
        """
        if self._path is None:
            return
        self._add(file for file in files if file.is_inside)
        self._write()

    def _in_use(self, files: Iterable[Place]) -> None:
        listed = [file for file in files if self._known.pop(file, None) is not None]
        if listed:
            self._write(at_once=True)

    @property
    def _known(self) -> dict[Place, tuple[float, bytes]]:
        if self._listed is None:
            self._listed = {}
            self._add(_read(self._path))
        return self._listed

    def _add(self, files: Iterable[Place]) -> None:
        now, known = clock.monotonic_s(), self._known
        for file in files:
            known.pop(file, None)
            known[file] = (now, encode_json([file.folder, file.subfolder, file.name]) + b"\n")

    def _write(self, *, at_once: bool = False) -> None:
        now, known = clock.monotonic_s(), self._known
        if self._path is None or not (
            at_once or self._written_at is None or now - self._written_at >= _WRITE_INTERVAL_S
        ):
            return
        size = sum(len(line) for _, line in known.values())
        while known and (size > _MAX_BYTES or now - next(iter(known.values()))[0] > _LISTED_S):
            size -= len(known.pop(next(iter(known)))[1])
        following = self._path.with_suffix(".next")
        try:
            following.write_bytes(b"".join(line for _, line in known.values()))
            following.replace(self._path)
        except OSError as error:
            log("finished_files_not_written", error=str(error))
        self._written_at = now


def _read(path: Path | None) -> Iterable[Place]:
    if path is None or not path.exists():
        return
    with suppress(ValueError, TypeError):  # a list of another version
        for line in path.read_bytes().splitlines():
            folder, subfolder, name = map(str, orjson.loads(line))
            yield Place(folder, subfolder, name)
