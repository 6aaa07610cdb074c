"""A GPU that runs one inference at a time, with interrupts and a journal."""

import asyncio
import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path


class Gpu:
    """The simulated GPU.

    Args:
        seconds_per_task: how long an inference takes.
        journal: file with the start and end of each inference, as JSON lines; it survives the process.
        seconds_per_node: duration of each node before the inference, also on the GPU.
    """

    def __init__(self, seconds_per_task: float, journal: Path | None, seconds_per_node: float = 0.0) -> None:
        self.seconds_per_task = seconds_per_task
        self._seconds_per_node = seconds_per_node
        self.running: str | None = None
        self.share = 0.0
        self.entries: list[dict[str, object]] = []
        self._journal = journal
        self._lock = asyncio.Lock()
        self._interrupted = asyncio.Event()

    async def infer(
        self,
        name: str,
        *,
        steps: int,
        on_step: Callable[[int], None] = lambda _: None,
        on_nodes: Iterable[Callable[[], None]] = (),
    ) -> float:
        """Run an inference, and return the completed share, which is less than 1 after an interrupt.

        The GPU is free when this returns: real servers build their response afterwards. A closed client connection does
        not stop the inference.
        """
        return await asyncio.shield(asyncio.ensure_future(self._infer(name, steps, on_step, on_nodes)))

    async def _infer(
        self, name: str, steps: int, on_step: Callable[[int], None], on_nodes: Iterable[Callable[[], None]]
    ) -> float:
        async with self._lock:
            self._interrupted.clear()
            self.running, self.share = name, 0.0
            self._note("begin", name)
            for on_node in on_nodes:
                on_node()
                await asyncio.sleep(self._seconds_per_node)
            on_step(0)
            for step in range(1, steps + 1):
                try:
                    await asyncio.wait_for(self._interrupted.wait(), self.seconds_per_task / steps)
                except TimeoutError:
                    self.share = step / steps
                    on_step(step)
                else:
                    break
            share = self.share
            self.running, self.share = None, 0.0
            self._note("end" if share == 1 else "interrupted", name)
            return share

    async def hang(self, name: str) -> None:
        """Run forever, and ignore interrupts."""
        await asyncio.shield(asyncio.ensure_future(self._hang(name)))

    async def _hang(self, name: str) -> None:
        async with self._lock:
            self.running, self.share = name, 0.0
            self._note("begin", name)
            await asyncio.Event().wait()

    def interrupt(self) -> None:
        """Stop the running inference at its next step, if there is one."""
        self._interrupted.set()

    def _note(self, event: str, name: str) -> None:
        entry = {"event": event, "at": time.time(), "id": name}
        self.entries.append(entry)
        if self._journal is not None:
            with self._journal.open("a") as file:
                file.write(json.dumps(entry) + "\n")
