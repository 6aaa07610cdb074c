"""The main loop of the agent: become ready, receive just in time, stop. `pipeline` processes each task.

    receive --claim--> prepare --+
                                 v
                                GPU (one at a time) --+
                                                      v
                                                   deliver (at most two)

While the GPU is idle, the agent uses long polling. While the GPU is busy, the agent fetches the next task shortly
before the expected end, so that the GPU never waits for this agent and no task waits here while another pod is idle.
"""

import asyncio
import random
from typing import Any, Final

from queue_agent import clock
from queue_agent.delivery import Delivery
from queue_agent.errors import AwsError, ShutdownError
from queue_agent.gpu_slot import GpuSlot
from queue_agent.lease import Lease
from queue_agent.logs import log
from queue_agent.markers import Marker
from queue_agent.message_receiver import ClaimedTask, MessageReceiver
from queue_agent.metrics import TaskMetrics
from queue_agent.output_bucket import OutputBucket
from queue_agent.pipeline import Inputs, Signals, TaskPipeline
from queue_agent.prefetch import Prefetch
from queue_agent.queue import Message, Queue
from queue_agent.runtimes.base import Runtime
from queue_agent.settings import Settings
from queue_agent.task_table import TaskTable
from task_record.transitions import TaskRef

_POLL_INTERVAL_S: Final = 0.5
_TIMER_RESOLUTION_S: Final = 0.001
"""A shorter time is not worth a timer, which may expire slightly early."""
_TABLE_UNAVAILABLE_S: Final = 10.0
"""Visibility timeout of a message that was received while the table did not respond."""


class Worker:
    """Processes the tasks of one queue with one runtime.

    Attributes:
        gpu: the slot of the GPU.
        metrics: counts the ended tasks.
    """

    def __init__(
        self,
        *,
        queue: Queue,
        runtime: Runtime,
        output_bucket: OutputBucket,
        task_table: TaskTable,
        inputs: Inputs,
        settings: Settings,
    ) -> None:
        self._queue = queue
        self._runtime = runtime
        self._task_table = task_table
        self._settings = settings
        self._signals = Signals()
        self._prefetch = Prefetch()
        self.gpu: GpuSlot = GpuSlot()
        self.metrics: TaskMetrics = TaskMetrics()
        self._delivery = Delivery(task_table, queue, output_bucket, settings, self.metrics)
        self._pipeline = TaskPipeline(
            runtime=runtime,
            inputs=inputs,
            task_table=task_table,
            delivery=self._delivery,
            gpu=self.gpu,
            prefetch=self._prefetch,
            signals=self._signals,
            settings=settings,
            metrics=self.metrics,
        )
        self._leases: dict[TaskRef, Lease] = {}
        self._receiver = MessageReceiver(task_table, queue, output_bucket, settings, self._leases, self.metrics)
        self._runs: set[asyncio.Task[None]] = set()
        self._stop = asyncio.Event()
        self._ready = Marker(settings.ready_marker)
        self._runtime_hung = Marker(settings.runtime_hung_marker)

    def stop(self) -> None:
        """Handle SIGTERM: stop receiving, release prepared tasks, and finish the running inference if there is time."""
        if self._stop.is_set():
            return
        log("stopping")
        self._stop.set()
        self._signals.stopping.set_result(ShutdownError("the agent is stopping"))
        if not self._may_finish():
            self._signals.release_running.set_result(
                ShutdownError("the agent is stopping, and the task would take too long")
            )

    @property
    def is_busy(self) -> bool:
        """Whether the agent holds a task."""
        return bool(self._runs)

    async def run(self) -> None:
        """Run until `stop` is called. When it returns, every claimed task has ended or was released."""
        while await self._become_ready():
            await self._receive_while_ready()
            if self._signals.runtime_is_hung:
                self._runtime_hung.set()
        self._ready.clear()
        while self._runs:
            await asyncio.wait(self._runs)

    def _may_finish(self) -> bool:
        settings = self._settings
        # A pod receives no other spot interruption notice than SIGTERM, so every SIGTERM is treated as one.
        left_s = min(settings.spot_notice_s, settings.drain_s) if settings.spot_allowed else settings.drain_s
        if settings.longest_task_s <= left_s:
            return True
        end = self.gpu.expected_end
        return end is not None and end - clock.monotonic_s() <= left_s

    async def _become_ready(self) -> bool:
        """Wait for runtime, model, table and clock, then interrupt leftover work. False if the agent was stopped."""
        self._ready.clear()
        # While this holds the slot, no task of this agent runs. What runs is left over from a previous agent, whose
        # claim is not held here, or from a task that could not be stopped.
        async with self.gpu:
            while not self._stop.is_set():
                busy_s = self._signals.busy_until - clock.monotonic_s()
                if busy_s > 0:
                    await self._pause(busy_s)
                    continue
                if not await self._runtime.is_ready():
                    # The runtime is restarting. If the marker stayed, the new process would be restarted too.
                    self._runtime_hung.clear()
                elif not self._runtime_hung.is_set and await self._clock_is_right():
                    if await self._runtime.interrupt_until_idle(self._settings.times.interrupt_s):
                        log("ready", runtime=self._settings.runtime_name)
                        self._signals.mark_runtime_available()
                        self._ready.set()
                        return True
                    log("runtime_not_idle", runtime=self._settings.runtime_name)
                await self._pause(_POLL_INTERVAL_S)
        return False

    async def _clock_is_right(self) -> bool:
        # Half of the clock error that the protocol tolerates between two agents: docs/adr/0004-clocks.md.
        try:
            error_s = await self._task_table.clock_error_s()
        except AwsError as error:
            log("table_unreachable", error=str(error))
            return False
        if error_s > self._settings.times.clock_error_s / 2:
            log("clock_wrong", error_s=error_s)
            return False
        return True

    async def _receive_while_ready(self) -> None:
        """Receive and start tasks until the runtime is unavailable, or the agent is stopped."""
        polled_for = -1
        while not self._stop.is_set() and not self._signals.runtime_unavailable.done():
            fetches = await self._next_receive(polled_for)
            if fetches is None:
                continue
            acquisitions = self.gpu.acquisitions
            # A prefetched task is released when it has waited twice as long as planned.
            hold_s = 2 * self._prefetch.lead_s if fetches else None
            polled_at = clock.monotonic_s()
            try:
                message = await self._receive(wait_s=0 if fetches else self._settings.poll_s)
            except AwsError as error:
                log("queue_unreachable", error=str(error))
                await self._pause(random.uniform(_POLL_INTERVAL_S, 2 * _POLL_INTERVAL_S))  # noqa: S311 (no secret)
                continue
            if message is not None:
                await self._work_on(message, polled_at=polled_at, hold_s=hold_s)
            if fetches:
                # One fetch per inference: a released task would be received again, and each poll of an empty queue
                # costs a call.
                polled_for = acquisitions
            elif message is None and not await self._runtime.is_ready():
                return

    async def _next_receive(self, polled_for: int) -> bool | None:
        """Wait until a message should be received.

        Args:
            polled_for: the acquisition of the GPU for which the agent has already fetched the next task.

        Returns:
            Whether the GPU is busy, so that the receive must not wait; `None` if the state has changed.
        """
        if not self.gpu.is_busy:
            return False
        self.gpu.changed.clear()
        at = None if polled_for == self.gpu.acquisitions else self._prefetch.fetch_at(self.gpu.expected_end)
        left_s = None if at is None else at - clock.monotonic_s()
        if left_s is not None and left_s <= _TIMER_RESOLUTION_S:
            return True
        changed = asyncio.ensure_future(self.gpu.changed.wait())
        await self._first_of(changed, timeout_s=left_s)
        changed.cancel()
        return None

    async def _receive(self, *, wait_s: int) -> Message | None:
        """Receive a message. A stop, or an unavailable runtime, ends the wait at once."""
        receiving = asyncio.ensure_future(self._queue.receive(wait_s=wait_s))
        await self._first_of(receiving)
        if receiving.done():
            return receiving.result()
        receiving.cancel()
        await asyncio.wait({receiving})
        return None

    async def _work_on(self, message: Message, *, polled_at: float, hold_s: float | None) -> None:
        """Claim the task of a message and start it. Returns when the task has the GPU, or has ended."""
        try:
            claimed = await self._receiver.take(message, polled_at=polled_at)
        except AwsError as error:
            log("table_unreachable", error=str(error))
            await self._delivery.make_visible(message.handle, _TABLE_UNAVAILABLE_S)
            while not self._stop.is_set() and not await self._clock_is_right():
                await self._pause(_POLL_INTERVAL_S)
            return
        if claimed is None:
            return
        acquisitions = self.gpu.acquisitions
        run = asyncio.create_task(self._run(claimed, hold_s=hold_s))
        self._runs.add(run)
        run.add_done_callback(self._runs.discard)
        # With a free GPU, the task acquires it next. A prefetched task waits for the end of the running one.
        while not run.done() and self.gpu.acquisitions == acquisitions:
            self.gpu.changed.clear()
            changed = asyncio.ensure_future(self.gpu.changed.wait())
            await asyncio.wait({run, changed}, return_when=asyncio.FIRST_COMPLETED)
            changed.cancel()

    async def _run(self, claimed: ClaimedTask, *, hold_s: float | None) -> None:
        self._leases[claimed.lease.task] = claimed.lease
        try:
            async with claimed.lease:
                await self._pipeline.run(claimed, hold_s=hold_s)
        except Exception as error:  # noqa: BLE001 (the one outermost loop)
            # One task must not stop the others. Its lease expires, and its attempts are limited.
            log("task_abandoned", task_id=claimed.message.id, error=repr(error))
        finally:
            del self._leases[claimed.lease.task]

    async def _first_of(self, wanted: asyncio.Future[Any], *, timeout_s: float | None = None) -> None:
        """Wait for a future, for the stop, or for the loss of the runtime, whichever is first."""
        endings = {wanted, self._signals.stopping, self._signals.runtime_unavailable}
        await asyncio.wait(endings, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stop.wait(), seconds)
        except TimeoutError:
            return
