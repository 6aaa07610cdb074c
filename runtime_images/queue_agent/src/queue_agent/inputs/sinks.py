"""Destinations of an input: memory for the SD Web UI, disk for ComfyUI.

The files on the disk have no name. No other process can open them, and the kernel deletes them on close, even after
SIGKILL.
"""

import asyncio
from abc import ABC, abstractmethod
from typing import BinaryIO, Final

from queue_agent.errors import TaskFailedError
from queue_agent.inputs.limits import Budget, LinkError
from queue_agent.runtimes.base import InputFile
from queue_agent.runtimes.media import SNIFFED_BYTES, Media, kind_of_start

_WRITTEN_BYTES: Final = 2**18
"""Size of one write. Writes run in a thread, because a slow disk must not delay the heartbeat."""
_NAMES: Final = {"image": "an image", "video": "a video", "audio": "audio", "model": "a 3D model"}


class Sink(ABC):
    """One input. It is checked against the limits and, by its first bytes, against the allowed media types.

    Args:
        budget: limits of the task.
        kinds: allowed media types, such as `image`.
    """

    def __init__(self, budget: Budget, kinds: tuple[str, ...]) -> None:
        self._budget = budget
        self._kinds = kinds
        self._head = b""
        self.size_bytes: int = 0
        """Bytes received since the start."""

    async def start(self, size_bytes: int | None) -> None:
        """Start, or start again after an interrupted fetch. Must be called before the first write.

        Args:
            size_bytes: expected size; `None` if it is unknown.

        Raises:
            LinkError: the input is too large.
        """
        self._budget.refund(self.size_bytes)
        self.size_bytes, self._head = 0, b""
        self._clear()
        self._budget.check(size_bytes or 0)

    async def write(self, chunk: bytes) -> None:
        """Add received bytes.

        Raises:
            LinkError: the input is too large, or its type is not allowed.
            TaskFailedError: the disk write failed.
        """
        self.size_bytes += len(chunk)
        self._budget.check(self.size_bytes)
        self._budget.take(len(chunk))
        if len(self._head) < SNIFFED_BYTES:
            self._head = (self._head + chunk[:SNIFFED_BYTES])[:SNIFFED_BYTES]
            if len(self._head) == SNIFFED_BYTES:
                self._check_type(None)
        await self._store(chunk)

    async def end(self) -> Media:
        """Complete the input. Must be called after the last write.

        Returns:
            The media type of the input.

        Raises:
            LinkError: the input is empty, or its type is not allowed.
            TaskFailedError: the disk write failed.
        """
        if not self.size_bytes:
            raise LinkError("must not be empty")
        await self._flush()
        return self._check_type(self.size_bytes)

    def _check_type(self, size_bytes: int | None) -> Media:
        media = kind_of_start(self._head, size_bytes)
        if media.content_type.partition("/")[0] not in self._kinds:
            *first, last = [_NAMES[kind] for kind in self._kinds]
            raise LinkError(f"must be {', '.join(first)} or {last}" if first else f"must be {last}")
        return media

    @abstractmethod
    def _clear(self) -> None:
        """Discard the stored bytes."""

    @abstractmethod
    async def _store(self, chunk: bytes) -> None:
        """Store the next bytes."""

    @abstractmethod
    async def _flush(self) -> None:
        """Write buffered bytes."""


class MemorySink(Sink):
    """Stores an input in memory."""

    def __init__(self, budget: Budget, kinds: tuple[str, ...]) -> None:
        super().__init__(budget, kinds)
        self._chunks: list[bytes] = []

    def data(self) -> bytes:
        """The input."""
        return b"".join(self._chunks)

    def _clear(self) -> None:
        self._chunks.clear()

    async def _store(self, chunk: bytes) -> None:
        self._chunks.append(chunk)

    async def _flush(self) -> None:
        return


class DiskSink(Sink):
    """Stores an input on the disk.

    Args:
        budget: limits of the task.
        kinds: allowed media types.
        file: an empty file, which the caller closes.
    """

    def __init__(self, budget: Budget, kinds: tuple[str, ...], file: BinaryIO) -> None:
        super().__init__(budget, kinds)
        self._file = file
        self._waiting = bytearray()

    def input_file(self, media: Media) -> InputFile:
        """The input."""
        return InputFile(file=self._file, size_bytes=self.size_bytes, media=media)

    def _clear(self) -> None:
        self._waiting.clear()
        self._file.seek(0)
        self._file.truncate()

    async def _store(self, chunk: bytes) -> None:
        self._waiting += chunk
        if len(self._waiting) >= _WRITTEN_BYTES:
            await self._flush()

    async def _flush(self) -> None:
        data = bytes(self._waiting)
        self._waiting.clear()
        try:
            await asyncio.to_thread(self._write, data)
        except OSError as error:
            raise TaskFailedError(
                "storage", f"the agent cannot write the inputs to its disk: {error.strerror}"
            ) from error

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._file.flush()
