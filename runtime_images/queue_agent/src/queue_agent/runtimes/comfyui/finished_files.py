"""Which files of finished workflows nobody needs any more, in a file for the container that owns the disk.

The server deletes nothing that it writes, and the agent does not see its disk. So the agent leaves a list, and a
janitor in the runtime's container deletes what is on it and has not changed for 10 minutes. One file a line, as JSON:

    ["output", "folder/below/it", "x_00001_.png"]

A workflow that is sent again right after itself is answered from the server's cache, with the names of the files that
it wrote the first time. So the files of the last two workflows are never on the list.
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
"""After so long the janitor has seen an entry often."""
_LARGEST_BYTES: Final = 3 * 2**20
"""The list and the one that replaces it are in a folder of 8 MiB of memory."""
_WRITTEN_EVERY_S: Final = 30.0


class FinishedFiles:
    """The list. What it held in a previous life of the agent is taken over.

    Args:
        path: of the list; None where no janitor reads it.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._recent: deque[set[Place]] = deque()
        self._listed: dict[Place, tuple[float, bytes]] | None = None
        self._written_at: float | None = None

    def workflow_ended(self, files: Iterable[Place]) -> None:
        """A workflow has ended, and its outputs have been read.

        Args:
            files: what it has left on the server's disk.
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
        """A node of a running workflow has written files: the server gives names again that were deleted.

        Args:
            outputs: what it shows, by its id.
        """
        if self._path is not None and self._known:
            self._in_use(left_files(outputs))

    def unneeded(self, files: Iterable[Place]) -> None:
        """These files are needed no more, whatever runs next.

        Args:
            files: such as inputs, whose names are never used again.
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
            at_once or self._written_at is None or now - self._written_at >= _WRITTEN_EVERY_S
        ):
            return
        size = sum(len(line) for _, line in known.values())
        while known and (size > _LARGEST_BYTES or now - next(iter(known.values()))[0] > _LISTED_S):
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
