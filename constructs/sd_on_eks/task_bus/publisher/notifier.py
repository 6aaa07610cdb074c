"""Notifier: publishes the callback of every task that ended; the one and only publisher to the output topic."""

from typing import Final

from sd_on_eks.handler_support.topic import Topic
from task_record import table
from task_record.callback import callback_of
from task_record.status import Status

from .stream_record import PoisonRecordError, StreamRecord

_UNREADABLE: Final = (KeyError, ValueError, TypeError, AttributeError, RecursionError)
"""What reading a record raises that is none of ours: an attribute is missing, is no JSON or is other JSON."""


class Notifier:
    """Tells how tasks stand.

    Args:
        topic: the output topic.
        output_bucket: name of the output bucket, which callbacks mention.
        notify_running: whether a claim is told as well as an end.
    """

    def __init__(self, topic: Topic, *, output_bucket: str, notify_running: bool) -> None:
        self._topic = topic
        self._output_bucket = output_bucket
        self._notify_running = notify_running

    def send(self, record: StreamRecord) -> bool:
        """Publish the callback of a record that changed.

        Returns:
            False where the change is none that is told.

        Raises:
            PoisonRecordError: the record cannot be told.
            MessageRefusedError: SNS will never take the callback.
            ClientError: SNS did not take it this time.
            BotoCoreError: SNS could not be reached.
        """
        new = record.new
        if record.event_name not in {"INSERT", "MODIFY"} or new is None:
            return False
        if not str(new.get(table.SK)).startswith(table.META_SK_PREFIX):
            return False
        try:
            if not self._is_told(Status(str(new.get(table.STATUS))), record):
                return False
            callback = callback_of(new, self._output_bucket)
        except _UNREADABLE as error:
            raise PoisonRecordError(f"no callback can be made of the record: {error!r}") from error
        self._topic.publish(callback.body, callback.attributes)
        return True

    def _is_told(self, status: Status, record: StreamRecord) -> bool:
        if status.is_terminal:
            return True
        if status is not Status.RUNNING or not self._notify_running or record.new is None:
            return False
        # A heartbeat changes the same record; only another claim is news.
        return record.old is None or record.old.get(table.CLAIM) != record.new.get(table.CLAIM)
