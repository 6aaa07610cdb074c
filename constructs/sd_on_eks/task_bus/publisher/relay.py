"""Relay: publishes the message of every new task to the input topic."""

from sd_on_eks.handler_support.topic import Topic
from task_record import table
from task_record.message import RUNTIME_ATTRIBUTE

from .stream_record import PoisonRecordError, StreamRecord


class Relay:
    """Sends messages on.

    Args:
        topic: the input topic.
    """

    def __init__(self, topic: Topic) -> None:
        self._topic = topic

    def send(self, record: StreamRecord) -> bool:
        """Publish the message of a new task.

        Returns:
            False where the record is none of a new message.

        Raises:
            PoisonRecordError: the record has no message or no runtime.
            MessageRefusedError: SNS will never take the message.
            ClientError: SNS did not take it this time.
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
