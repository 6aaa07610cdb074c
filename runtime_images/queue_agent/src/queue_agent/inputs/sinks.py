"""Where an input goes while it arrives: into memory for the SD Web UI, else onto the disk.

A file on the disk has no name. Nobody else can open it, and it is gone when it is closed, even by SIGKILL.
"""

import asyncio
from abc import ABC, abstractmethod
from typing import BinaryIO, Final

from queue_agent.errors import TaskFailedError
from queue_agent.inputs.limits import Budget, LinkError
from queue_agent.runtimes.base import InputFile
from queue_agent.runtimes.media import SNIFFED_BYTES, Media, kind_of_start

_WRITTEN_BYTES: Final = 2**18
"""So much is written at once: each write is a thread's, for a disk that is slow must not hold up the heartbeat."""
_NAMES: Final = {"image": "an image", "video": "a video", "audio": "audio", "model": "a 3D model"}


class Sink(ABC):
    """One input: it is counted, and judged by its first bytes and its size.

    Args:
        budget: of the task.
        kinds: what it may be: the first parts of media types.
    """

    def __init__(self, budget: Budget, kinds: tuple[str, ...]) -> None:
        self._budget = budget
        self._kinds = kinds
        self._head = b""
        self.size_bytes: int = 0
        """What has arrived since the start."""

    async def start(self, size_bytes: int | None) -> None:
        """To be called before the first byte: what came before belongs to an attempt that broke off.

        Args:
            size_bytes: what will come, where that is known.

        Raises:
            LinkError: that is too much.
        """
        self._budget.give_back(self.size_bytes)
        self.size_bytes, self._head = 0, b""
        self._clear()
        self._budget.check(size_bytes or 0)

    async def write(self, chunk: bytes) -> None:
        """Take what has arrived.

        Raises:
            LinkError: it is too much, or of another kind.
            TaskFailedError: the disk does not take it.
        """
        self.size_bytes += len(chunk)
        self._budget.check(self.size_bytes)
        self._budget.take(len(chunk))
        if len(self._head) < SNIFFED_BYTES:
            self._head = (self._head + chunk[:SNIFFED_BYTES])[:SNIFFED_BYTES]
            if len(self._head) == SNIFFED_BYTES:
                self._judge(None)
        await self._keep(chunk)

    async def end(self) -> Media:
        """To be called after the last byte.

        Returns:
            What it is.

        Raises:
            LinkError: it is empty, or of another kind.
            TaskFailedError: the disk does not take it.
        """
        if not self.size_bytes:
            raise LinkError("is empty")
        await self._flush()
        return self._judge(self.size_bytes)

    def _judge(self, size_bytes: int | None) -> Media:
        media = kind_of_start(self._head, size_bytes)
        if media.content_type.partition("/")[0] not in self._kinds:
            *first, last = [_NAMES[kind] for kind in self._kinds]
            raise LinkError(f"must be {', '.join(first)} or {last}" if first else f"must be {last}")
        return media

    @abstractmethod
    def _clear(self) -> None:
        """Forget what was kept."""

    @abstractmethod
    async def _keep(self, chunk: bytes) -> None:
        """Keep what follows."""

    @abstractmethod
    async def _flush(self) -> None:
        """Nothing follows."""


class MemorySink(Sink):
    """Keeps an input in memory."""

    def __init__(self, budget: Budget, kinds: tuple[str, ...]) -> None:
        super().__init__(budget, kinds)
        self._chunks: list[bytes] = []

    def data(self) -> bytes:
        """The input."""
        return b"".join(self._chunks)

    def _clear(self) -> None:
        self._chunks.clear()

    async def _keep(self, chunk: bytes) -> None:
        self._chunks.append(chunk)

    async def _flush(self) -> None:
        return


class DiskSink(Sink):
    """Keeps an input on the disk.

    Args:
        budget: of the task.
        kinds: what it may be.
        file: empty, and closed by its owner.
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

    async def _keep(self, chunk: bytes) -> None:
        self._waiting += chunk
        if len(self._waiting) >= _WRITTEN_BYTES:
            await self._flush()

    async def _flush(self) -> None:
        data = bytes(self._waiting)
        self._waiting.clear()
        try:
            await asyncio.to_thread(self._write, data)
        except OSError as error:
            raise TaskFailedError("storage", f"the agent's disk does not take the inputs: {error.strerror}") from error

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._file.flush()
