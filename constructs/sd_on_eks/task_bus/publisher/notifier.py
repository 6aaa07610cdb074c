"""Notifier: publishes the callback of every task that ended. It is the only publisher of the output topic."""

from typing import Final

from sd_on_eks.handler_support.topic import Topic
from task_record import table
from task_record.callback import callback_of
from task_record.status import Status

from .stream_record import PoisonRecordError, StreamRecord

_UNREADABLE: Final = (KeyError, ValueError, TypeError, AttributeError, RecursionError)
"""Errors of a malformed record: an attribute is missing, is not valid JSON, or has another shape."""


class Notifier:
    """Publishes callbacks.

    Args:
        topic: the output topic.
        output_bucket: name of the output bucket, which is part of callbacks.
        notify_running: whether to publish a callback when a task starts, too.
    """

    def __init__(self, topic: Topic, *, output_bucket: str, notify_running: bool) -> None:
        self._topic = topic
        self._output_bucket = output_bucket
        self._notify_running = notify_running

    def send(self, record: StreamRecord) -> bool:
        """Publish the callback of a record that changed.

        Returns:
            False if this change has no callback.

        Raises:
            PoisonRecordError: the record is malformed.
            MessageRejectedError: SNS rejects the callback; do not retry.
            ClientError: SNS returned another error; a retry may succeed.
            BotoCoreError: SNS could not be reached.
        """
        new = record.new
        if record.event_name not in {"INSERT", "MODIFY"} or new is None:
            return False
        if not str(new.get(table.SK)).startswith(table.META_SK_PREFIX):
            return False
        try:
            if not self._has_callback(Status(str(new.get(table.STATUS))), record):
                return False
            callback = callback_of(new, self._output_bucket)
        except _UNREADABLE as error:
            raise PoisonRecordError(f"the record has no valid callback: {error!r}") from error
        self._topic.publish(callback.body, callback.attributes)
        return True

    def _has_callback(self, status: Status, record: StreamRecord) -> bool:
        if status.is_terminal:
            return True
        if status is not Status.RUNNING or not self._notify_running or record.new is None:
            return False
        # A heartbeat changes the same record; only a new claim has a callback.
        return record.old is None or record.old.get(table.CLAIM) != record.new.get(table.CLAIM)
