"""Relay: publishes the message of every new task to the input topic."""

import os
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from task_record import table
from task_record.message import RUNTIME_ATTRIBUTE

from .batch import FailureBucket, process
from .clients import s3_client, sns_client
from .settings import Settings
from .stream_record import PoisonRecordError, StreamRecord
from .topic import Topic

logger = Logger()
metrics = Metrics()


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
            PoisonRecordError: the record has no message or no runtime, or SNS will never take it.
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


@cache
def _relay() -> tuple[Relay, FailureBucket]:
    settings = Settings.from_environment(os.environ)
    return (
        Relay(Topic(sns_client(), settings.topic_arn)),
        FailureBucket(s3_client(), settings.failure_bucket, "relay"),
    )


def _count(name: str, record_id: str, reason: str) -> None:
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=1)
    if reason:
        logger.warning("record not published", extra={"outcome": name, "record": record_id, "reason": reason})


@metrics.log_metrics
@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> None:  # noqa: ARG001 (Lambda's signature)
    """Entry point.

    Raises:
        BatchNotDoneError: some records could not be published this time.
    """
    metrics.add_metric(name="Received", unit=MetricUnit.Count, value=len(event["Records"]))
    relay, failures = _relay()
    process(event["Records"], send=relay.send, failures=failures, outcome=_count)
