"""Processes a received message: claims its task, leaves it to its holder, or fails it."""

import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from queue_agent import clock
from queue_agent.errors import AwsError, BadTaskError
from queue_agent.lease import Lease
from queue_agent.logs import log
from queue_agent.metrics import Outcome, TaskMetrics
from queue_agent.output_bucket import NameTakenError, OutputBucket
from queue_agent.queue import Message, Queue
from queue_agent.settings import Settings
from queue_agent.task_table import Refused, TaskTable, Written
from task_record import table, transitions
from task_record.message import SCHEMA_VERSION, MalformedMessageError, TaskMessage, decode_message
from task_record.object_keys import quarantine_key
from task_record.status import Status
from task_record.submission import first_attributes, task_of_message
from task_record.table import Item, Scalar
from task_record.transitions import TaskRef

_JITTER_S: Final = 2.0
_INVALID_REQUEST: Final = "ValidationException"
"""DynamoDB's error code for an invalid request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedTask:
    """A task that this agent has claimed.

    Attributes:
        message: the message of the task.
        tasktype: type of the task, also if the message has none.
        lease: the lease.
        polled_at: monotonic time before the receive call.
        received_at: monotonic time after the receive call.
        queued_ms: time from submit to receive.
    """

    message: TaskMessage
    tasktype: str
    lease: Lease
    polled_at: float
    received_at: float
    queued_ms: int


class MessageReceiver:
    """Processes received messages.

    Args:
        task_table: the task table.
        queue: the queue.
        output_bucket: the output bucket, for quarantined messages.
        settings: the runtime and the times.
        leases: leases of this agent. A message may be a redelivery of one of their tasks.
        metrics: counts the ended tasks.
    """

    def __init__(
        self,
        task_table: TaskTable,
        queue: Queue,
        output_bucket: OutputBucket,
        settings: Settings,
        leases: Mapping[TaskRef, Lease],
        metrics: TaskMetrics,
    ) -> None:
        self._task_table = task_table
        self._queue = queue
        self._output_bucket = output_bucket
        self._settings = settings
        self._leases = leases
        self._metrics = metrics

    async def take(self, received: Message, *, polled_at: float) -> ClaimedTask | None:
        """Claim the task of a message.

        A message whose key DynamoDB rejects, for example because the owner is too long, is quarantined.

        Args:
            received: the message.
            polled_at: monotonic time before the receive call.

        Returns:
            The task, or `None` if there is nothing to do now.

        Raises:
            AwsError: the table did not respond. The message stays in the queue.
        """
        try:
            return await self._take(received, polled_at)
        except AwsError as error:
            if error.code != _INVALID_REQUEST:
                raise
            await self._quarantine(received, str(error))
            return None

    async def _take(self, received: Message, polled_at: float) -> ClaimedTask | None:
        received_at, now_ms = clock.monotonic_s(), clock.now_ms()
        try:
            message = decode_message(received.body)
            unreadable = None
        except MalformedMessageError as error:
            if error.known is None:
                await self._quarantine(received, str(error))
                return None
            message, unreadable = error.known, str(error)
        sent_at_ms = message.sns_timestamp_ms or received.sent_at_ms
        task = task_of_message(message, message_id=received.id, sent_at_ms=sent_at_ms)
        lease = self._leases.get(task)
        if lease is not None:
            # A redelivery of a held task. Only the newest receipt handle can hide and delete the message.
            lease.handle = received.handle
            return None
        creates = None if message.submission else self._first_attributes(task, message, sent_at_ms)
        try:
            if unreadable is not None:
                raise BadTaskError("bad_message", unreadable)  # noqa: TRY301 (one handler for all invalid tasks)
            tasktype = self._check(message)
        except BadTaskError as error:
            await self._give_up(received, task, creates, error.code, str(error))
            return None
        if creates is not None and int(creates[table.EXPIRES_AT]) <= now_ms:
            await self._give_up(received, task, creates, "expired", "the task expired before it started")
            return None

        claim_id = str(uuid.uuid4())
        claim = transitions.claim(task, claim_id=claim_id, now_ms=now_ms, times=self._settings.times, creates=creates)
        outcome = await self._task_table.write(claim, until=received_at + self._settings.times.table_call_timeout_s)
        if isinstance(outcome, Written):
            lease = Lease(
                task,
                claim_id=claim_id,
                handle=received.handle,
                claimed_at=outcome.first_sent_at,
                task_table=self._task_table,
                queue=self._queue,
                times=self._settings.times,
            )
            return ClaimedTask(
                message=message,
                tasktype=tasktype,
                lease=lease,
                polled_at=polled_at,
                received_at=received_at,
                queued_ms=max(0, now_ms - sent_at_ms),
            )
        await self._claim_refused(received, task, creates, outcome)
        return None

    def _check(self, message: TaskMessage) -> str:
        """Validate the message, and return the task type."""
        if message.schema_version > SCHEMA_VERSION:
            raise BadTaskError(
                "bad_message", f"schema_version must be at most {SCHEMA_VERSION}, got {message.schema_version}"
            )
        if message.runtime is not None and message.runtime != self._settings.runtime_name:
            raise BadTaskError("bad_message", f"runtime must be {self._settings.runtime_name}, got {message.runtime}")
        runtime_type = self._settings.runtime_type
        tasktype = message.tasktype or runtime_type.usual_task_type(message.content or {})
        allowed = [one.name for one in runtime_type.task_types]
        if tasktype not in allowed:
            raise BadTaskError("bad_message", f"tasktype must be one of {', '.join(allowed)}, got {tasktype}")
        return tasktype

    def _first_attributes(self, task: TaskRef, message: TaskMessage, sent_at_ms: int) -> Item:
        return first_attributes(
            task,
            message,
            runtime=self._settings.runtime_name,
            sent_at_ms=sent_at_ms,
            max_age_ms=round(self._settings.times.max_task_age_s * 1000),
        )

    async def _claim_refused(
        self, received: Message, task: TaskRef, creates: Mapping[str, Scalar] | None, refused: Refused
    ) -> None:
        old = refused.old
        if old is None or Status(str(old[table.STATUS])).is_terminal:
            log("message_dropped", task_id=task.id, reason="deleted" if old is None else "ended")
            await self._queue.delete(received.handle)
        elif self._is_held(old):
            await self._leave_to_holder(received, old)
        elif int(old.get(table.ATTEMPTS, 0)) >= self._settings.times.max_attempts:
            await self._give_up(received, task, creates, "attempts", "the runtime failed during every attempt")
        else:
            await self._give_up(received, task, creates, "expired", "the task expired before it started")

    async def _give_up(
        self, received: Message, task: TaskRef, creates: Mapping[str, Scalar] | None, code: str, message: str
    ) -> None:
        transition = transitions.give_up(
            task,
            now_ms=clock.now_ms(),
            times=self._settings.times,
            error=transitions.error_text(code, message),
            creates=creates,
        )
        until = clock.monotonic_s() + self._settings.times.table_call_timeout_s
        outcome = await self._task_table.write(transition, until=until)
        if isinstance(outcome, Refused) and outcome.old is not None and self._is_held(outcome.old):
            await self._leave_to_holder(received, outcome.old)
            return
        log("task_given_up", task_id=task.id, code=code)
        if isinstance(outcome, Written):
            self._metrics.ended(Outcome.FAILED, {})
        await self._queue.delete(received.handle)

    def _is_held(self, record: Item) -> bool:
        error_ms = self._settings.times.clock_error_s * 1000
        return (
            record[table.STATUS] == Status.RUNNING
            and int(record.get(table.LEASE_UNTIL, 0)) >= clock.now_ms() - error_ms
        )

    async def _leave_to_holder(self, received: Message, record: Item) -> None:
        # Never deleted: if the holder fails, this message restarts the task.
        left_s = (int(record[table.LEASE_UNTIL]) - clock.now_ms()) / 1000
        jitter_s = random.uniform(0, _JITTER_S)  # noqa: S311 (jitter, not a secret)
        await self._queue.change_visibility(received.handle, left_s + self._settings.times.clock_error_s + jitter_s)

    async def _quarantine(self, received: Message, reason: str) -> None:
        log("message_quarantined", message_id=received.id, reason=reason)
        try:
            await self._output_bucket.put(
                quarantine_key(self._queue.name, received.id), received.body.encode("utf-8", "replace"), "text/plain"
            )
        except NameTakenError:
            log("message_already_quarantined", message_id=received.id)
        await self._queue.delete(received.handle)
