"""One task from its claim to its end: prepare -> infer -> deliver, and how every case ends.

Several run at once, in different stages: one is prepared, one is inferred, at most two are delivered.
"""

import asyncio
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from queue_agent import clock
from queue_agent.delivery import Delivery
from queue_agent.durations import Durations
from queue_agent.errors import (
    AgentError,
    AwsError,
    BadTaskError,
    ClaimLostError,
    GpuFaultError,
    RuntimeBusyError,
    RuntimeUnavailableError,
    ShutdownError,
    StalledError,
    TaskFailedError,
)
from queue_agent.gpu_slot import GpuSlot
from queue_agent.inference import infer
from queue_agent.logs import log
from queue_agent.message_receiver import ClaimedTask
from queue_agent.metrics import Outcome, TaskMetrics
from queue_agent.prefetch import Prefetch
from queue_agent.runtimes.base import InputFile, Outputs, Request, Runtime, RuntimeTask
from queue_agent.settings import Settings
from queue_agent.task_table import TaskTable
from task_record import transitions
from task_record.message import PayloadRef

_MOST_DELIVERIES: Final = 2
"""Results that wait for storage are kept in memory; with more of them inferring waits."""
_STALLED_IDLE_S: Final = 10.0
"""A runtime that is not idle so long after the interrupt of a stalled task is unhealthy."""


class Inputs(Protocol):
    """Fetches what a task refers to."""

    async def in_content(self, content: Mapping[str, Any], *, owner: str) -> Mapping[str, Any]:
        """The content with what its links lead to in their place.

        Raises:
            BadTaskError: an input may not be fetched, or is none.
            AwsError: S3 does not answer or says no.
        """
        ...

    def named(self, inputs: Mapping[str, Any], *, owner: str) -> AbstractAsyncContextManager[Mapping[str, InputFile]]:
        """The named inputs of a workflow; their files are gone at the end of the context.

        Raises:
            BadTaskError: an input may not be fetched, or is none.
            TaskFailedError: the disk does not take them.
            AwsError: S3 does not answer or says no.
        """
        ...


class Signals:
    """What ends a stage from outside.

    Attributes:
        stopping: SIGTERM came. What has not reached the GPU goes back.
        give_back: what is on the GPU goes back as well, since it cannot be finished in time.
        runtime_away: the runtime is not there: what has not reached it goes back. Set anew each time it is there again.
        runtime_is_hung: the runtime has to be restarted.
        busy_until: monotonic time before which the runtime takes no further task.
    """

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.stopping: asyncio.Future[AgentError] = loop.create_future()
        self.give_back: asyncio.Future[AgentError] = loop.create_future()
        self.runtime_away: asyncio.Future[AgentError] = loop.create_future()
        self.runtime_is_hung = False
        self.busy_until = 0.0

    def runtime_is_away(self, error: AgentError) -> None:
        """The runtime is not there."""
        if not self.runtime_away.done():
            self.runtime_away.set_result(RuntimeUnavailableError(str(error), accepted=False))

    def runtime_is_back(self) -> None:
        """The runtime is there."""
        self.runtime_away = asyncio.get_running_loop().create_future()
        self.runtime_is_hung = False


@dataclass(slots=True)
class _Run:
    """How far a task has come.

    Attributes:
        claimed: the task.
        hold_s: how long it may wait for the GPU; `None` where the GPU was free when it was received.
        has_gpu: whether the GPU's slot is this task's.
        is_posted: whether the runtime may be working on it.
        timings: what took how long.
    """

    claimed: ClaimedTask
    hold_s: float | None
    has_gpu: bool = False
    is_posted: bool = False
    timings: dict[str, float] = field(default_factory=dict)


class TaskPipeline:
    """Takes claimed tasks to their ends.

    Args:
        runtime: the inference server.
        inputs: fetches what tasks refer to.
        task_table: the task table.
        delivery: stores results, ends records, deletes messages.
        gpu: whose turn it is.
        prefetch: learns how long preparing takes.
        signals: what ends a stage from outside.
        settings: times.
        metrics: counts what becomes of tasks.
    """

    def __init__(
        self,
        *,
        runtime: Runtime,
        inputs: Inputs,
        task_table: TaskTable,
        delivery: Delivery,
        gpu: GpuSlot,
        prefetch: Prefetch,
        signals: Signals,
        settings: Settings,
        metrics: TaskMetrics,
    ) -> None:
        self._runtime = runtime
        self._inputs = inputs
        self._task_table = task_table
        self._delivery = delivery
        self._gpu = gpu
        self._prefetch = prefetch
        self._signals = signals
        self._settings = settings
        self._metrics = metrics
        self._durations = Durations()
        self._deliveries = asyncio.Semaphore(_MOST_DELIVERIES)

    async def run(self, claimed: ClaimedTask, *, hold_s: float | None) -> None:
        """Take a task to its end; nothing of it is left running here afterwards.

        Args:
            claimed: the claimed task; its lease is renewed meanwhile.
            hold_s: how long it may wait for the GPU; `None` where the GPU was free when it was received.
        """
        log("task_claimed", task_id=claimed.message.id, tasktype=claimed.tasktype, queued_ms=claimed.queued_ms)
        run = _Run(claimed, hold_s, timings={"queued_ms": claimed.queued_ms})
        # The answer is read through what was prepared, so that is let go last.
        async with AsyncExitStack() as prepared:
            try:
                outputs = await self._outputs(run, prepared)
            except AgentError as error:
                await self._end(run, error)
                return
            try:
                await self._gpu.handed_over()
                await self._delivery.complete(claimed, outputs, run.timings)
            except AgentError as error:
                await self._end(run, error)
            finally:
                self._deliveries.release()

    async def _outputs(self, run: _Run, prepared: AsyncExitStack) -> Outputs:
        """Prepare and infer. A place for the delivery is taken where this succeeds."""
        signals, lease = self._signals, run.claimed.lease
        task, request = await lease.guard(self._prepare(run.claimed, prepared), signals.stopping, signals.runtime_away)
        ready_at = clock.monotonic_s()
        run.timings["prepare_ms"] = _ms(ready_at - run.claimed.received_at)
        if run.hold_s is not None:
            self._prefetch.fetched_in(ready_at - run.claimed.asked_at)
        likeness = self._runtime.likeness(task)
        try:
            await lease.guard(self._turn(run), signals.stopping, signals.runtime_away)
            run.timings["waited_ms"] = _ms(clock.monotonic_s() - ready_at)
            outputs = await self._infer(run, request, likeness)
            # Held until there is room: results in memory are bounded, and so inferring waits.
            await self._deliveries.acquire()
        except AgentError as error:
            await self._quiet(run, error)
            raise
        finally:
            if run.has_gpu:
                self._gpu.let_go()
        return outputs

    async def _prepare(self, claimed: ClaimedTask, prepared: AsyncExitStack) -> tuple[RuntimeTask, Request]:
        message = claimed.message
        content, inputs = message.content or {}, message.inputs
        if message.payload is not None:
            content = await self._read(message.payload)
            if message.payload.inputs is not None:
                inputs = await self._read(message.payload.inputs)
        content = await self._runtime.with_inputs(
            content,
            lambda one: self._delivery.retried(lambda: self._inputs.in_content(one, owner=message.owner)),
        )
        # When the task is prepared the runtime has the files, and the disk is free for the next task's.
        async with AsyncExitStack() as files:
            task = RuntimeTask(
                claim_id=claimed.lease.claim_id,
                submission=claimed.lease.task.submission,
                tasktype=claimed.tasktype,
                content=content,
                checkpoint=message.checkpoint,
                inputs=await self._delivery.retried(
                    lambda: files.enter_async_context(self._inputs.named(inputs, owner=message.owner))
                ),
            )
            return task, await prepared.enter_async_context(self._runtime.prepare(task))

    async def _read(self, payload: PayloadRef) -> Mapping[str, Any]:
        return await self._delivery.retried(lambda: self._delivery.output_bucket.read_content(payload))

    async def _turn(self, run: _Run) -> None:
        """Wait for the GPU; a prefetched task that waits too long goes back, since another pod may have one free."""
        try:
            async with asyncio.timeout(run.hold_s):
                await self._gpu.take()
                # Noted at once: whoever ends this wait from outside must know whose slot it is.
                run.has_gpu = True
        except TimeoutError as error:
            raise ShutdownError("fetched too early: the GPU is busy for longer than was expected") from error

    async def _infer(self, run: _Run, request: Request, likeness: str) -> Outputs:
        lease, settings = run.claimed.lease, self._settings

        def before_post() -> None:
            for ending in (self._signals.stopping, self._signals.runtime_away):
                if ending.done():
                    raise ending.result()
            lease.check_deadline()
            run.is_posted = True

        def heard(share: float) -> None:
            lease.progress = share
            self._gpu.progressed(share)

        self._gpu.begin(self._durations.similar(likeness))
        started = clock.monotonic_s()
        try:
            outputs = await lease.guard(
                infer(
                    request,
                    before_post=before_post,
                    on_progress=heard,
                    stall_s=settings.stall_s,
                    longest_task_s=settings.longest_task_s,
                ),
                self._signals.give_back,
            )
        finally:
            seconds = clock.monotonic_s() - started
            run.timings["inference_ms"] = _ms(seconds)
            run.timings["gpu_seconds"] = round(seconds, 3)
        run.is_posted = False
        lease.is_delivering = True
        self._gpu.course.end(seconds)
        self._durations.add(likeness, self._gpu.course)
        ended_at = started + seconds
        self._prefetch.inference_ended(ended_at, self._gpu.expected_end_at(ended_at - self._prefetch.lead_s))
        return outputs

    async def _quiet(self, run: _Run, error: AgentError) -> None:
        """See the runtime idle, while the GPU is still this task's; only then may the next one have it."""
        if isinstance(error, RuntimeUnavailableError):
            self._away(error)
            return
        interrupts = isinstance(error, StalledError | ClaimLostError | ShutdownError)
        if not run.is_posted or not interrupts:
            return
        timeout_s = _STALLED_IDLE_S if isinstance(error, StalledError) else self._settings.times.interrupt_s
        if await self._runtime.interrupt_until_idle(timeout_s):
            run.is_posted = False
            return
        self._signals.runtime_is_hung |= isinstance(error, StalledError)
        self._signals.runtime_is_away(RuntimeUnavailableError("the runtime does not stop", accepted=True))

    def _away(self, error: RuntimeUnavailableError) -> None:
        """Whatever else waits for this runtime goes back as well."""
        self._signals.runtime_is_hung |= isinstance(error, GpuFaultError)
        if isinstance(error, RuntimeBusyError):
            self._signals.busy_until = clock.monotonic_s() + error.retry_after_s
        self._signals.runtime_is_away(error)

    async def _end(self, run: _Run, error: AgentError) -> None:
        """End a task that did not come to its results."""
        claimed = run.claimed
        log("task_not_completed", task_id=claimed.message.id, error=type(error).__name__, reason=str(error))
        if isinstance(error, RuntimeUnavailableError | ClaimLostError | ShutdownError):
            self._metrics.ended(Outcome.UNFINISHED, run.timings)
        match error:
            case TaskFailedError() | BadTaskError():
                await self._fail(claimed, error, run.timings)
            case RuntimeUnavailableError():
                self._away(error)
                await self._release(claimed, keep_attempt=error.accepted)
            case ClaimLostError():
                if error.record_is_terminal:
                    await self._delivery.delete(claimed.lease.handle)
                elif error.may_release and not run.is_posted:
                    await self._release(claimed, keep_attempt=False)
            case ShutdownError():
                # Given back only when seen stopped: otherwise the lease must run out first.
                if not run.is_posted:
                    await self._release(claimed, keep_attempt=False)
            case AwsError() if claimed.lease.is_delivering:
                # The results stand in the bucket; told as failed they would be lost for good.
                log("finish_unanswered", task_id=claimed.message.id, error=str(error))
                self._metrics.ended(Outcome.UNFINISHED, run.timings)
            case _:
                await self._fail(claimed, TaskFailedError("storage", f"storage did not answer: {error}"), run.timings)

    async def _fail(
        self, claimed: ClaimedTask, failure: TaskFailedError | BadTaskError, timings: Mapping[str, float]
    ) -> None:
        claimed.lease.is_delivering = True
        try:
            await self._delivery.fail(claimed, failure, timings)
        except AwsError as error:
            log("finish_unanswered", task_id=claimed.message.id, error=str(error))
            self._metrics.ended(Outcome.UNFINISHED, timings)

    async def _release(self, claimed: ClaimedTask, *, keep_attempt: bool) -> None:
        transition = transitions.release(claimed.lease.task, claim_id=claimed.lease.claim_id, keep_attempt=keep_attempt)
        try:
            await self._task_table.write(transition, until=clock.monotonic_s() + self._settings.times.interrupt_s)
        except AwsError as error:
            log("release_unanswered", task_id=claimed.message.id, error=str(error))
            return  # the lease runs out by itself
        await self._delivery.show_again(claimed.lease.handle, 0)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
