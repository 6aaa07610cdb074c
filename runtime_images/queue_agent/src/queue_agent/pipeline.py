"""One task from claim to finish: prepare -> infer -> deliver, with all error cases.

Several tasks run concurrently in different stages: one is prepared, one is inferred, at most two are delivered.
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

_MAX_DELIVERIES: Final = 2
"""Results are kept in memory until they are stored. At this limit, the next inference waits."""
_STALLED_IDLE_S: Final = 10.0
"""A runtime that is not idle this long after the interrupt of a stalled task is unhealthy."""


class Inputs(Protocol):
    """Fetches the inputs of a task."""

    async def in_content(self, content: Mapping[str, Any], *, owner: str) -> Mapping[str, Any]:
        """Replace the links in a request body by the fetched files.

        Raises:
            BadTaskError: an input cannot be fetched, or is not valid.
            AwsError: S3 did not respond, or returned an error.
        """
        ...

    def named(self, inputs: Mapping[str, Any], *, owner: str) -> AbstractAsyncContextManager[Mapping[str, InputFile]]:
        """Fetch the named inputs of a workflow. The context deletes their files at its end.

        Raises:
            BadTaskError: an input cannot be fetched, or is not valid.
            TaskFailedError: the disk write failed.
            AwsError: S3 did not respond, or returned an error.
        """
        ...


class Signals:
    """Signals that stop a stage.

    Attributes:
        stopping: SIGTERM was received. Tasks that are not on the GPU are released.
        release_running: the task on the GPU is released too, because there is not enough time to finish it.
        runtime_unavailable: the runtime is unavailable. Tasks that are not on the GPU are released. Replaced by a new
            future when the runtime is available again.
        runtime_is_hung: the runtime must be restarted.
        busy_until: monotonic time before which the runtime accepts no task.
    """

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.stopping: asyncio.Future[AgentError] = loop.create_future()
        self.release_running: asyncio.Future[AgentError] = loop.create_future()
        self.runtime_unavailable: asyncio.Future[AgentError] = loop.create_future()
        self.runtime_is_hung = False
        self.busy_until = 0.0

    def mark_runtime_unavailable(self, error: AgentError) -> None:
        """Release all tasks that wait for the runtime."""
        if not self.runtime_unavailable.done():
            self.runtime_unavailable.set_result(RuntimeUnavailableError(str(error), accepted=False))

    def mark_runtime_available(self) -> None:
        """Reset the signals of the runtime."""
        self.runtime_unavailable = asyncio.get_running_loop().create_future()
        self.runtime_is_hung = False


@dataclass(slots=True)
class _Run:
    """The state of a task in the pipeline.

    Attributes:
        claimed: the task.
        hold_s: maximum wait for the GPU; `None` if the GPU was free at receive.
        has_gpu: whether the task holds the GPU slot.
        is_posted: whether the runtime may be running the task.
        timings: durations of the stages.
    """

    claimed: ClaimedTask
    hold_s: float | None
    has_gpu: bool = False
    is_posted: bool = False
    timings: dict[str, float] = field(default_factory=dict)


class TaskPipeline:
    """Runs claimed tasks."""

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
        self._delivery_slots = asyncio.Semaphore(_MAX_DELIVERIES)

    async def run(self, claimed: ClaimedTask, *, hold_s: float | None) -> None:
        """Run a task until it is finished or released. Nothing of it runs afterwards.

        Args:
            claimed: the task. The caller renews its lease.
            hold_s: maximum wait for the GPU; `None` if the GPU was free at receive.
        """
        log("task_claimed", task_id=claimed.message.id, tasktype=claimed.tasktype, queued_ms=claimed.queued_ms)
        run = _Run(claimed, hold_s, timings={"queued_ms": claimed.queued_ms})
        # The response is read over the prepared connection, so the connection is closed last.
        async with AsyncExitStack() as prepared:
            try:
                outputs = await self._outputs(run, prepared)
            except AgentError as error:
                await self._end(run, error)
                return
            try:
                await self._gpu.wait_for_handoff()
                await self._delivery.complete(claimed, outputs, run.timings)
            except AgentError as error:
                await self._end(run, error)
            finally:
                self._delivery_slots.release()

    async def _outputs(self, run: _Run, prepared: AsyncExitStack) -> Outputs:
        """Prepare and infer. On success, this holds a delivery slot."""
        signals, lease = self._signals, run.claimed.lease
        task, request = await lease.guard(
            self._prepare(run.claimed, prepared), signals.stopping, signals.runtime_unavailable
        )
        ready_at = clock.monotonic_s()
        run.timings["prepare_ms"] = _ms(ready_at - run.claimed.received_at)
        if run.hold_s is not None:
            self._prefetch.record_fetch(ready_at - run.claimed.polled_at)
        duration_key = self._runtime.duration_key(task)
        try:
            await lease.guard(self._acquire_gpu(run), signals.stopping, signals.runtime_unavailable)
            run.timings["waited_ms"] = _ms(clock.monotonic_s() - ready_at)
            outputs = await self._infer(run, request, duration_key)
            # The GPU slot is held until a delivery slot is free, which limits the results in memory.
            await self._delivery_slots.acquire()
        except AgentError as error:
            await self._stop_on_runtime(run, error)
            raise
        finally:
            if run.has_gpu:
                self._gpu.release()
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
            lambda one: self._delivery.with_retries(lambda: self._inputs.in_content(one, owner=message.owner)),
        )
        # When the task is prepared the runtime has the files, and the disk is free for the next task's.
        async with AsyncExitStack() as files:
            task = RuntimeTask(
                claim_id=claimed.lease.claim_id,
                submission=claimed.lease.task.submission,
                tasktype=claimed.tasktype,
                content=content,
                checkpoint=message.checkpoint,
                inputs=await self._delivery.with_retries(
                    lambda: files.enter_async_context(self._inputs.named(inputs, owner=message.owner))
                ),
            )
            return task, await prepared.enter_async_context(self._runtime.prepare(task))

    async def _read(self, payload: PayloadRef) -> Mapping[str, Any]:
        return await self._delivery.with_retries(lambda: self._delivery.output_bucket.read_content(payload))

    async def _acquire_gpu(self, run: _Run) -> None:
        """Wait for the GPU. A prefetched task that waits too long is released, because another GPU may be free."""
        try:
            async with asyncio.timeout(run.hold_s):
                await self._gpu.acquire()
                # Set at once: code that cancels this wait must know whether the slot is held.
                run.has_gpu = True
        except TimeoutError as error:
            raise ShutdownError("fetched too early: the GPU is busy longer than expected") from error

    async def _infer(self, run: _Run, request: Request, duration_key: str) -> Outputs:
        lease, settings = run.claimed.lease, self._settings

        def before_post() -> None:
            for ending in (self._signals.stopping, self._signals.runtime_unavailable):
                if ending.done():
                    raise ending.result()
            lease.check_deadline()
            run.is_posted = True

        def heard(share: float) -> None:
            lease.progress = share
            self._gpu.progressed(share)

        self._gpu.begin(self._durations.similar(duration_key))
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
                self._signals.release_running,
            )
        finally:
            seconds = clock.monotonic_s() - started
            run.timings["inference_ms"] = _ms(seconds)
            run.timings["gpu_seconds"] = round(seconds, 3)
        run.is_posted = False
        lease.is_delivering = True
        self._gpu.course.end(seconds)
        self._durations.add(duration_key, self._gpu.course)
        ended_at = started + seconds
        self._prefetch.record_inference_end(ended_at, self._gpu.expected_end_at(ended_at - self._prefetch.lead_s))
        return outputs

    async def _stop_on_runtime(self, run: _Run, error: AgentError) -> None:
        """Stop the inference while the task holds the GPU slot. The next task needs an idle runtime."""
        if isinstance(error, RuntimeUnavailableError):
            self._mark_runtime_unavailable(error)
            return
        interrupts = isinstance(error, StalledError | ClaimLostError | ShutdownError)
        if not run.is_posted or not interrupts:
            return
        timeout_s = _STALLED_IDLE_S if isinstance(error, StalledError) else self._settings.times.interrupt_s
        if await self._runtime.interrupt_until_idle(timeout_s):
            run.is_posted = False
            return
        self._signals.runtime_is_hung |= isinstance(error, StalledError)
        self._signals.mark_runtime_unavailable(
            RuntimeUnavailableError("the runtime did not stop after an interrupt", accepted=True)
        )

    def _mark_runtime_unavailable(self, error: RuntimeUnavailableError) -> None:
        """Release all tasks that wait for the runtime, and store what the error says about it."""
        self._signals.runtime_is_hung |= isinstance(error, GpuFaultError)
        if isinstance(error, RuntimeBusyError):
            self._signals.busy_until = clock.monotonic_s() + error.retry_after_s
        self._signals.mark_runtime_unavailable(error)

    async def _end(self, run: _Run, error: AgentError) -> None:
        """End a task that has no results."""
        claimed = run.claimed
        log("task_not_completed", task_id=claimed.message.id, error=type(error).__name__, reason=str(error))
        if isinstance(error, RuntimeUnavailableError | ClaimLostError | ShutdownError):
            self._metrics.ended(Outcome.UNFINISHED, run.timings)
        match error:
            case TaskFailedError() | BadTaskError():
                await self._fail(claimed, error, run.timings)
            case RuntimeUnavailableError():
                self._mark_runtime_unavailable(error)
                await self._release(claimed, keep_attempt=error.accepted)
            case ClaimLostError():
                if error.record_is_terminal:
                    await self._delivery.delete(claimed.lease.handle)
                elif error.may_release and not run.is_posted:
                    await self._release(claimed, keep_attempt=False)
            case ShutdownError():
                # Released only after the runtime has stopped. Otherwise the lease must expire first.
                if not run.is_posted:
                    await self._release(claimed, keep_attempt=False)
            case AwsError() if claimed.lease.is_delivering:
                # The results are in the bucket. If the task were failed, they would be lost.
                log("finish_unanswered", task_id=claimed.message.id, error=str(error))
                self._metrics.ended(Outcome.UNFINISHED, run.timings)
            case _:
                await self._fail(claimed, TaskFailedError("storage", f"storage did not respond: {error}"), run.timings)

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
            return  # the lease expires
        await self._delivery.make_visible(claimed.lease.handle, 0)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
