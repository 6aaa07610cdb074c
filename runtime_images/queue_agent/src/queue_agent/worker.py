"""The loop: receive -> prepare -> infer -> deliver; and how every case ends."""

import asyncio
import random
from typing import Final

from queue_agent import clock
from queue_agent.delivery import Delivery
from queue_agent.errors import (
    AgentError,
    AwsError,
    BadTaskError,
    ClaimLostError,
    RuntimeUnavailableError,
    ShutdownError,
    StalledError,
    TaskFailedError,
)
from queue_agent.inference import infer
from queue_agent.intake import Held, Intake
from queue_agent.logs import log
from queue_agent.markers import Marker
from queue_agent.queue import Message, Queue
from queue_agent.record import Record
from queue_agent.runtimes.base import Runtime, RuntimeTask
from queue_agent.settings import Settings
from queue_agent.store import Store
from task_record import transitions

_LOOK_EVERY_S: Final = 0.5
_TABLE_AWAY_S: Final = 10.0
"""How long a message is hidden that came while the table did not answer."""
_STALLED_IDLE_S: Final = 10.0
"""A runtime that is not idle so long after the interrupt of a stalled task is unhealthy."""


class Worker:
    """Works on one task at a time.

    Args:
        queue: the runtime's queue.
        runtime: the inference server.
        store: the output bucket.
        record: the task table.
        settings: everything else.
    """

    def __init__(self, *, queue: Queue, runtime: Runtime, store: Store, record: Record, settings: Settings) -> None:
        self._queue = queue
        self._runtime = runtime
        self._record = record
        self._settings = settings
        self._store = store
        self._intake = Intake(record, queue, store, settings)
        self._delivery = Delivery(record, queue, store, settings)
        self._stop = asyncio.Event()
        self._give_back: asyncio.Future[AgentError] = asyncio.get_running_loop().create_future()
        self._is_inferring = False
        self._expected_end: float | None = None
        self._ready = Marker(settings.ready_marker)
        self._runtime_hung = Marker(settings.runtime_hung_marker)

    def stop(self) -> None:
        """SIGTERM: no further receive; what is prepared is given back, what is inferred is finished if it may be."""
        if self._stop.is_set():
            return
        log("stopping")
        self._stop.set()
        if not self._is_inferring or not self._may_finish():
            self._give_back.set_result(ShutdownError("the agent is stopping"))

    async def run(self) -> None:
        """Work until `stop` is called.

        Raises:
            RuntimeUnavailableError: the runtime does not stop what it was told to interrupt; the pod must be replaced.
        """
        while not self._stop.is_set():
            if not await self._become_ready():
                return
            await self._work_while_ready()

    async def _become_ready(self) -> bool:
        """Wait for runtime, model, table and clock; then empty the runtime. False where told to stop meanwhile."""
        self._ready.clear()
        while not self._stop.is_set():
            if not await self._runtime.is_ready():
                # It is being restarted: left in place, the marker would have the new one restarted, too.
                self._runtime_hung.clear()
            elif await self._clock_is_right():
                # Whatever runs there was left by a predecessor, whose claim is not ours.
                if await self._runtime.interrupt_until_idle(self._settings.times.interrupt_s):
                    log("ready", runtime=self._settings.runtime_name)
                    self._ready.set()
                    return True
                log("runtime_not_idle", runtime=self._settings.runtime_name)
            await self._pause(_LOOK_EVERY_S)
        return False

    async def _clock_is_right(self) -> bool:
        # Half the error that the protocol tolerates between two agents: docs/adr/0004-clocks.md.
        try:
            error_s = await self._record.clock_error_s()
        except AwsError as error:
            log("table_unreachable", error=str(error))
            return False
        if error_s > self._settings.times.clock_error_s / 2:
            log("clock_wrong", error_s=error_s)
            return False
        return True

    async def _work_while_ready(self) -> None:
        """Receive and work until the runtime or the table is not there any more, or told to stop."""
        while not self._stop.is_set():
            try:
                message = await self._receive()
            except AwsError as error:
                log("queue_unreachable", error=str(error))
                await self._pause(random.uniform(_LOOK_EVERY_S, 2 * _LOOK_EVERY_S))  # noqa: S311 (no secret)
                continue
            if message is None:
                if not await self._runtime.is_ready():
                    return
                continue
            if not await self._work_on(message):
                return

    async def _receive(self) -> Message | None:
        """Receive; a stop ends the wait at once."""
        receiving = asyncio.ensure_future(self._queue.receive(wait_s=self._settings.poll_s))
        stopping = asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait({receiving, stopping}, return_when=asyncio.FIRST_COMPLETED)
            return receiving.result() if receiving.done() else None
        finally:
            for waiting in (receiving, stopping):
                waiting.cancel()
            await asyncio.wait({receiving, stopping})

    async def _work_on(self, message: Message) -> bool:
        """Work on a message; False where the agent must become ready anew before the next one."""
        try:
            held = await self._intake.take(message)
        except AwsError as error:
            log("table_unreachable", error=str(error))
            await self._show_again(message.handle, _TABLE_AWAY_S)
            return False
        if held is None:
            return True
        async with held.holding:
            return await self._work_on_held(held)

    async def _work_on_held(self, held: Held) -> bool:
        log("task_claimed", task_id=held.message.id, tasktype=held.tasktype, queued_ms=held.queued_ms)
        timings_ms = {"queued_ms": held.queued_ms}
        try:
            await self._stages(held, timings_ms)
        except AgentError as error:
            return await self._end(held, error, timings_ms)
        return True

    async def _stages(self, held: Held, timings_ms: dict[str, int]) -> None:
        task = await held.holding.guard(self._prepare(held), stop=self._give_back)
        timings_ms["prepare_ms"] = _since_ms(held.received_at)

        inference_started = clock.monotonic_s()
        self._is_inferring = True
        self._expected_end = None
        try:
            answer = await held.holding.guard(
                infer(
                    self._runtime,
                    task,
                    before_post=held.holding.check_deadline,
                    on_progress=lambda share: self._progressed(held, share, inference_started),
                    stall_s=self._settings.stall_s,
                    longest_task_s=self._settings.longest_task_s,
                ),
                stop=self._give_back,
            )
        finally:
            self._is_inferring = False
            timings_ms["inference_ms"] = _since_ms(inference_started)

        held.holding.is_delivering = True
        await self._delivery.complete(held, answer, timings_ms)

    async def _prepare(self, held: Held) -> RuntimeTask:
        message = held.message
        content = message.content
        if message.payload is not None:
            payload = message.payload
            content = await self._delivery.retried(lambda: self._store.read_content(payload))
        return RuntimeTask(
            claim_id=held.holding.claim_id,
            submission=held.holding.task.submission,
            tasktype=held.tasktype,
            content=content or {},
        )

    def _progressed(self, held: Held, share: float, started: float) -> None:
        held.holding.progress = share
        if share > 0:
            self._expected_end = started + (clock.monotonic_s() - started) / share

    def _may_finish(self) -> bool:
        settings = self._settings
        # SIGTERM is the only spot notice that a pod gets, so each one is treated as one.
        left_s = min(settings.spot_notice_s, settings.drain_s) if settings.spot_allowed else settings.drain_s
        if settings.longest_task_s <= left_s:
            return True
        return self._expected_end is not None and self._expected_end - clock.monotonic_s() <= left_s

    async def _end(self, held: Held, error: AgentError, timings_ms: dict[str, int]) -> bool:
        """End a task that did not come to its results; False where the runtime must be waited for."""
        log("task_not_completed", task_id=held.message.id, error=type(error).__name__, reason=str(error))
        match error:
            case StalledError():
                await self._end_stalled(held, error, timings_ms)
                return True
            case TaskFailedError() | BadTaskError():
                await self._fail(held, error, timings_ms)
                return True
            case RuntimeUnavailableError():
                await self._release(held, keep_attempt=error.accepted)
                return False
            case ClaimLostError():
                idle = await self._runtime.interrupt_until_idle(self._settings.times.interrupt_s)
                if error.record_is_terminal:
                    await self._delivery.delete(held.holding.handle)
                elif error.may_release and idle:
                    await self._release(held, keep_attempt=False)
                return idle
            case ShutdownError():
                # Given back only when seen stopped: otherwise the lease must run out first.
                if await self._runtime.interrupt_until_idle(self._settings.times.interrupt_s):
                    await self._release(held, keep_attempt=False)
                return True
            case _:
                await self._fail(held, TaskFailedError("storage", f"storage did not answer: {error}"), timings_ms)
                return True

    async def _end_stalled(self, held: Held, error: StalledError, timings_ms: dict[str, int]) -> None:
        idle = await self._runtime.interrupt_until_idle(_STALLED_IDLE_S)
        await self._fail(held, error, timings_ms)
        if not idle:
            self._runtime_hung.set()
            raise RuntimeUnavailableError("the runtime does not stop a stalled task", accepted=True)

    async def _fail(self, held: Held, failure: TaskFailedError | BadTaskError, timings_ms: dict[str, int]) -> None:
        held.holding.is_delivering = True
        try:
            await self._delivery.fail(held, failure, timings_ms)
        except AwsError as error:
            log("finish_unanswered", task_id=held.message.id, error=str(error))

    async def _release(self, held: Held, *, keep_attempt: bool) -> None:
        transition = transitions.release(held.holding.task, claim_id=held.holding.claim_id, keep_attempt=keep_attempt)
        try:
            await self._record.write(transition, until=clock.monotonic_s() + self._settings.times.interrupt_s)
        except AwsError as error:
            log("release_unanswered", task_id=held.message.id, error=str(error))
            return  # the lease runs out by itself
        await self._show_again(held.holding.handle, 0)

    async def _show_again(self, handle: str, seconds: float) -> None:
        try:
            await self._queue.change_visibility(handle, seconds)
        except AwsError as error:
            log("queue_unreachable", error=str(error))

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stop.wait(), seconds)
        except TimeoutError:
            return


def _since_ms(moment: float) -> int:
    return round((clock.monotonic_s() - moment) * 1000)
