"""Relay: publishes the message of every new task to the input topic."""

from sd_on_eks.handler_support.topic import Topic
from task_record import table
from task_record.message import RUNTIME_ATTRIBUTE

from .stream_record import PoisonRecordError, StreamRecord


class Relay:
    """Publishes messages of new tasks.

    Args:
        topic: the input topic.
    """

    def __init__(self, topic: Topic) -> None:
        self._topic = topic

    def send(self, record: StreamRecord) -> bool:
        """Publish the message of a new task.

        Returns:
            False if the record is not that of a new message.

        Raises:
            PoisonRecordError: the record has no message or no runtime.
            MessageRejectedError: SNS rejects the message; do not retry.
            ClientError: SNS returned another error; a retry may succeed.
            BotoCoreError: SNS could not be reached.
        """
        new = record.new
        if record.event_name != "INSERT" or new is None or not str(new.get(table.SK)).startswith(table.BODY_SK_PREFIX):
            return False
        message, runtime = new.get(table.MESSAGE), new.get(table.RUNTIME)
        if not message or not runtime:
            raise PoisonRecordError("the item has no message or no runtime")
        self._topic.publish(str(message), {RUNTIME_ATTRIBUTE: str(runtime)})
        return True
