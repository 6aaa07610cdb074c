"""The agent's life: become ready, receive just in time, stop. `pipeline` has what becomes of a task.

    receive --claim--> prepare --+
                                 v
                                GPU (one at a time) --+
                                                      v
                                                   deliver (at most two)

While the GPU is idle the agent waits for a message for long. While it is busy the next one is fetched shortly before it
is expected to be free, so that the GPU never waits for this agent and no task waits here while another pod is idle.
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

_LOOK_EVERY_S: Final = 0.5
_SOON_S: Final = 0.001
"""Not worth a timer, which may end a little early."""
_TABLE_AWAY_S: Final = 10.0
"""How long a message is hidden that came while the table did not answer."""


class Worker:
    """Works on the tasks of one queue with one runtime.

    Args:
        queue: the runtime's queue.
        runtime: the inference server.
        output_bucket: the output bucket.
        task_table: the task table.
        inputs: fetches what tasks refer to.
        settings: everything else.

    Attributes:
        gpu: whose turn it is on the GPU.
        metrics: what becomes of tasks.
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
        """SIGTERM: no further receive; what is prepared is given back, what is inferred is finished if it may be."""
        if self._stop.is_set():
            return
        log("stopping")
        self._stop.set()
        self._signals.stopping.set_result(ShutdownError("the agent is stopping"))
        if not self._may_finish():
            self._signals.give_back.set_result(ShutdownError("the agent is stopping, and the task would take too long"))

    @property
    def is_busy(self) -> bool:
        """Whether a task is in hand."""
        return bool(self._runs)

    async def run(self) -> None:
        """Work until `stop` is called; every task that was taken has ended or gone back then."""
        while await self._become_ready():
            await self._receive_while_ready()
            if self._signals.runtime_is_hung:
                self._runtime_hung.set()
        self._ready.clear()
        while self._runs:
            await asyncio.wait(self._runs)

    def _may_finish(self) -> bool:
        settings = self._settings
        # SIGTERM is the only spot notice that a pod gets, so each one is treated as one.
        left_s = min(settings.spot_notice_s, settings.drain_s) if settings.spot_allowed else settings.drain_s
        if settings.longest_task_s <= left_s:
            return True
        end = self.gpu.expected_end
        return end is not None and end - clock.monotonic_s() <= left_s

    async def _become_ready(self) -> bool:
        """Wait for runtime, model, table and clock; then empty the runtime. False where told to stop meanwhile."""
        self._ready.clear()
        # With the slot taken nothing of ours runs there: whatever does was left by a predecessor, whose claim is not
        # ours, or by a task that could not be stopped.
        async with self.gpu:
            while not self._stop.is_set():
                busy_s = self._signals.busy_until - clock.monotonic_s()
                if busy_s > 0:
                    await self._pause(busy_s)
                    continue
                if not await self._runtime.is_ready():
                    # It is being restarted: left in place, the marker would have the new one restarted, too.
                    self._runtime_hung.clear()
                elif not self._runtime_hung.is_set and await self._clock_is_right():
                    if await self._runtime.interrupt_until_idle(self._settings.times.interrupt_s):
                        log("ready", runtime=self._settings.runtime_name)
                        self._signals.runtime_is_back()
                        self._ready.set()
                        return True
                    log("runtime_not_idle", runtime=self._settings.runtime_name)
                await self._pause(_LOOK_EVERY_S)
        return False

    async def _clock_is_right(self) -> bool:
        # Half the error that the protocol tolerates between two agents: docs/adr/0004-clocks.md.
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
        """Receive and start work until the runtime is not there any more, or told to stop."""
        polled_turn = -1
        while not self._stop.is_set() and not self._signals.runtime_away.done():
            fetches = await self._time_to_receive(polled_turn)
            if fetches is None:
                continue
            turn = self.gpu.turn
            # A task that is fetched ahead goes back when it has waited twice as long as was reckoned with.
            hold_s = 2 * self._prefetch.lead_s if fetches else None
            asked_at = clock.monotonic_s()
            try:
                message = await self._receive(wait_s=0 if fetches else self._settings.poll_s)
            except AwsError as error:
                log("queue_unreachable", error=str(error))
                await self._pause(random.uniform(_LOOK_EVERY_S, 2 * _LOOK_EVERY_S))  # noqa: S311 (no secret)
                continue
            if message is not None:
                await self._work_on(message, asked_at=asked_at, hold_s=hold_s)
            if fetches:
                # One a turn: what went back would only come again, and an empty queue costs a call each time.
                polled_turn = turn
            elif message is None and not await self._runtime.is_ready():
                return

    async def _time_to_receive(self, polled_turn: int) -> bool | None:
        """Wait until a message should be received.

        Args:
            polled_turn: the turn of the GPU for which the next task was asked for already.

        Returns:
            Whether the GPU is busy, so that an answer is wanted at once; `None` where something has changed.
        """
        if not self.gpu.is_busy:
            return False
        self.gpu.changed.clear()
        at = None if polled_turn == self.gpu.turn else self._prefetch.fetch_at(self.gpu.expected_end)
        left_s = None if at is None else at - clock.monotonic_s()
        if left_s is not None and left_s <= _SOON_S:
            return True
        changed = asyncio.ensure_future(self.gpu.changed.wait())
        await self._first_of(changed, timeout_s=left_s)
        changed.cancel()
        return None

    async def _receive(self, *, wait_s: int) -> Message | None:
        """Receive; a stop, or a runtime that is gone, ends the wait at once."""
        receiving = asyncio.ensure_future(self._queue.receive(wait_s=wait_s))
        await self._first_of(receiving)
        if receiving.done():
            return receiving.result()
        receiving.cancel()
        await asyncio.wait({receiving})
        return None

    async def _work_on(self, message: Message, *, asked_at: float, hold_s: float | None) -> None:
        """Take a message, and start work on its task; returns when the task is on the GPU, or has ended."""
        try:
            claimed = await self._receiver.take(message, asked_at=asked_at)
        except AwsError as error:
            log("table_unreachable", error=str(error))
            await self._delivery.show_again(message.handle, _TABLE_AWAY_S)
            while not self._stop.is_set() and not await self._clock_is_right():
                await self._pause(_LOOK_EVERY_S)
            return
        if claimed is None:
            return
        turn = self.gpu.turn
        run = asyncio.create_task(self._run(claimed, hold_s=hold_s))
        self._runs.add(run)
        run.add_done_callback(self._runs.discard)
        # A task of a GPU that is free has the next turn; a prefetched one waits for the end of the present one.
        while not run.done() and self.gpu.turn == turn:
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
            # The outermost place: one task must not end the others. Its lease runs out, and its attempts are counted.
            log("task_left", task_id=claimed.message.id, error=repr(error))
        finally:
            del self._leases[claimed.lease.task]

    async def _first_of(self, wanted: asyncio.Future[Any], *, timeout_s: float | None = None) -> None:
        """Wait for something, the stop, or the loss of the runtime, whichever comes first."""
        endings = {wanted, self._signals.stopping, self._signals.runtime_away}
        await asyncio.wait(endings, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stop.wait(), seconds)
        except TimeoutError:
            return
