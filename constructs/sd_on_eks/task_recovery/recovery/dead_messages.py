"""What happens to a message of a dead-letter queue."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from task_record import table, transitions
from task_record.message import MalformedMessageError, TaskMessage, decode_message
from task_record.object_keys import quarantine_key
from task_record.protocol_times import ProtocolTimes
from task_record.submission import first_attributes, task_of_message
from task_record.table import Item
from task_record.transition import Transition

from .records import Records

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_INVALID_ITEM: Final = frozenset({"ValidationException", "SerializationException"})
"""Errors of DynamoDB for an invalid key or value; a retry cannot succeed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadMessage:
    """A message of a dead-letter queue.

    Attributes:
        id: MessageId of SQS.
        sent_at_ms: SentTimestamp, epoch milliseconds.
        queue: name of the dead-letter queue.
        runtime: name of the runtime whose queue it was in.
    """

    id: str
    body: str
    sent_at_ms: int
    queue: str
    runtime: str


class Outcome(StrEnum):
    """The outcome of a message, as its metric is called. Any outcome but `LEASED` deletes it from the queue."""

    GIVEN_UP = "GivenUp"
    """The task was ended."""

    ENDED = "Ended"
    """The task had ended before."""

    UNKNOWN_TASK = "Gone"
    """The task's record does not exist."""

    QUARANTINED = "Parked"
    """The message cannot be decoded; it was stored in the output bucket."""

    LEASED = "Held"
    """An agent has a lease of the task; the message stays in the queue."""


class DeadMessages:
    """Ends the tasks of dead-lettered messages.

    Args:
        records: the task table.
        s3: S3 client.
        bucket: name of the output bucket.
        times: times of the task protocol.
        now_ms: the current time, epoch milliseconds.
    """

    def __init__(
        self, records: Records, *, s3: "S3Client", bucket: str, times: ProtocolTimes, now_ms: Callable[[], int]
    ) -> None:
        self._records = records
        self._s3 = s3
        self._bucket = bucket
        self._times = times
        self._now_ms = now_ms

    def end(self, dead: DeadMessage) -> Outcome:
        """End the task of a message, unless an agent has a lease of it.

        Raises:
            ClientError: a service returned a temporary error.
            BotoCoreError: a service could not be reached.
        """
        try:
            return self._end(dead, decode_message(dead.body))
        except MalformedMessageError:
            self._quarantine(dead)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _INVALID_ITEM:
                raise
            self._quarantine(dead)
        return Outcome.QUARANTINED

    def _end(self, dead: DeadMessage, message: TaskMessage) -> Outcome:
        sent_at_ms = message.sns_timestamp_ms or dead.sent_at_ms
        task = task_of_message(message, message_id=dead.id, sent_at_ms=sent_at_ms)
        creates = None
        if message.submission is None:
            creates = first_attributes(
                task,
                message,
                runtime=dead.runtime,
                sent_at_ms=sent_at_ms,
                max_age_ms=round(self._times.max_task_age_s * 1000),
            )
        write = transitions.give_up(
            task,
            now_ms=self._now_ms(),
            times=self._times,
            error=transitions.error_text("dead_lettered", "no agent could handle the task's message"),
            creates=creates,
        )
        old = self._records.read(task.key)
        if not write.condition.holds(old):
            return _outcome(write, old)
        # Quarantined before the record says that the task has ended: this message is not processed again afterwards.
        if creates is not None or self._records.read(table.body_key(task.owner, task.id, task.submission)) is None:
            self._quarantine(dead)
        rejected = self._records.write(write)
        return Outcome.GIVEN_UP if rejected is None else _outcome(write, rejected.old)

    def _quarantine(self, dead: DeadMessage) -> None:
        self._s3.put_object(
            Bucket=self._bucket,
            Key=quarantine_key(dead.queue, dead.id),
            Body=dead.body.encode("utf-8", "replace"),
            ContentType="text/plain",
        )


def _outcome(rejected: Transition, old: Item | None) -> Outcome:
    if old is None:
        return Outcome.UNKNOWN_TASK
    return Outcome.ENDED if rejected.was_done(old) else Outcome.LEASED
