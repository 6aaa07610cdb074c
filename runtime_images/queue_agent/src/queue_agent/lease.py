"""The lease of a claimed task: it is renewed by a heartbeat, and its loss stops the work on the task at once."""

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from queue_agent import clock
from queue_agent.errors import AgentError, AwsError, ClaimLostError
from queue_agent.queue import Queue
from queue_agent.task_table import Refused, TaskTable
from task_record import table, transitions
from task_record.protocol_times import ProtocolTimes
from task_record.status import Status
from task_record.transitions import TaskRef

T = TypeVar("T")
_RETRY_S: Final = 1.0
_TICK_S: Final = 0.001
"""A shorter sleep may end before the clock advances."""


class Lease:
    """Holds a task by a heartbeat, which renews the lease and the visibility timeout of the message in parallel.

    The deadline is measured on the monotonic clock, from before the send of the last acknowledged renewal. It stops the
    work on the task, except during delivery, where the condition of the finish decides.

    Args:
        task: the task.
        claim_id: id of the claim.
        handle: receipt handle of the message; a redelivery replaces it.
        claimed_at: monotonic time before the first send of the claim.
        task_table: the task table.
        queue: the queue.
        times: for heartbeat, lease, deadline and visibility timeout.
    """

    def __init__(
        self,
        task: TaskRef,
        *,
        claim_id: str,
        handle: str,
        claimed_at: float,
        task_table: TaskTable,
        queue: Queue,
        times: ProtocolTimes,
    ) -> None:
        self.task = task
        self.claim_id = claim_id
        self.handle = handle
        self.progress: float | None = None
        self.is_delivering = False
        self._task_table = task_table
        self._queue = queue
        self._times = times
        self._deadline = claimed_at + times.deadline_s
        self._lost: asyncio.Future[ClaimLostError] = asyncio.get_running_loop().create_future()
        self._tasks: list[asyncio.Task[None]] = []

    def check_deadline(self) -> None:
        """Check the claim. Must be called immediately before the inference starts.

        Raises:
            ClaimLostError: the claim is lost, or so old that another agent may soon claim the task.
        """
        if self._lost.done():
            raise self._lost.result()
        if clock.monotonic_s() >= self._deadline:
            raise self._deadline_passed()

    async def guard(self, work: Coroutine[Any, Any, T], *endings: "asyncio.Future[AgentError]") -> T:
        """Run a coroutine while the claim is held.

        Args:
            work: cancelled when the claim is lost.
            endings: each completes with the error that stops the work early.

        Raises:
            ClaimLostError: the claim is lost.
            AgentError: the error of one of the endings.
        """
        running = asyncio.ensure_future(work)
        ends: tuple[asyncio.Future[Any], ...] = (self._lost, *endings)
        try:
            await asyncio.wait({running, *ends}, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                return running.result()
            raise next(end for end in ends if end.done()).result()
        finally:
            if not running.done():
                running.cancel()
                await asyncio.wait({running})

    async def _heartbeat(self) -> None:
        extending: asyncio.Task[None] | None = None
        async with asyncio.TaskGroup() as calls:
            while True:
                await asyncio.sleep(self._times.beat_s)
                # In parallel: an unresponsive queue must not delay the renewal of the lease.
                if extending is None or extending.done():
                    extending = calls.create_task(self._extend_visibility())
                await self._renew()

    async def _renew(self) -> None:
        while not self._lost.done():
            sent_at = clock.monotonic_s()
            renewal = transitions.renew(
                self.task,
                claim_id=self.claim_id,
                now_ms=clock.now_ms(),
                times=self._times,
                progress=self.progress,
            )
            try:
                written = await self._task_table.write(renewal, until=sent_at)
            except AwsError:
                await asyncio.sleep(_RETRY_S)
                continue
            if isinstance(written, Refused):
                self._lose(_lost_to(written))
            else:
                self._deadline = sent_at + self._times.deadline_s
            return

    async def _extend_visibility(self) -> None:
        try:
            await self._queue.change_visibility(self.handle, self._times.visibility_s)
        except AwsError:
            return  # the lease protects the task: the receiver of a redelivery sees it and waits

    async def _watch_deadline(self) -> None:
        while True:
            left_s = self._deadline - clock.monotonic_s()
            if left_s <= 0:
                break
            await asyncio.sleep(max(left_s, _TICK_S))
        if not self.is_delivering:
            self._lose(self._deadline_passed())

    def _lose(self, error: ClaimLostError) -> None:
        if not self._lost.done():
            self._lost.set_result(error)

    @staticmethod
    def _deadline_passed() -> ClaimLostError:
        return ClaimLostError("no renewal was acknowledged in time", record_is_terminal=False, may_release=True)

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._heartbeat()), asyncio.create_task(self._watch_deadline())]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _lost_to(refused: Refused) -> ClaimLostError:
    status = None if refused.old is None else Status(str(refused.old[table.STATUS]))
    return ClaimLostError(
        f"the record is {status or 'deleted'}",
        record_is_terminal=status is None or status.is_terminal,
        may_release=False,
    )
