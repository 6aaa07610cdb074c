"""Entry point of the dead-letter handler.

The metric `DeadLettered` counts the messages that it removes from the queues, for the function and for each runtime.
Watch it instead of the lengths of the queues, which the handler empties.
"""

import os
import time
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import BotoCoreError, ClientError

from sd_on_eks.handler_support.clients import dynamodb_client, s3_client

from .dead_messages import DeadMessage, DeadMessages, Outcome
from .records import Records
from .settings import DeadLetterSettings

logger = Logger()
metrics = Metrics()
_settings = DeadLetterSettings.from_environment(os.environ)
_messages = DeadMessages(
    Records(dynamodb_client(), _settings.table_name),
    s3=s3_client(),
    bucket=_settings.output_bucket,
    times=_settings.times,
    now_ms=lambda: time.time_ns() // 1_000_000,
)


@metrics.log_metrics
@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 (Lambda's signature)
    """End the tasks of a batch of messages; the response lists the messages that must stay in the queue.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting
    """
    messages = [_read(record) for record in event["Records"]]
    kept: list[dict[str, str]] = []
    # All messages of a batch are from one queue. This set of dimensions is added to the function's own.
    metrics.add_dimensions(runtime=messages[0].runtime)
    for message in messages:
        try:
            outcome: str = _messages.end(message)
        except (ClientError, BotoCoreError) as error:
            outcome = "NotHandled"
            logger.warning("message not handled", extra={"message_id": message.id, "reason": type(error).__name__})
        if outcome in {Outcome.LEASED, "NotHandled"}:
            kept.append({"itemIdentifier": message.id})
        else:
            metrics.add_metric(name="DeadLettered", unit=MetricUnit.Count, value=1)
            logger.warning(
                "message dead-lettered",
                extra={"message_id": message.id, "runtime": message.runtime, "outcome": outcome},
            )
        metrics.add_metric(name=outcome, unit=MetricUnit.Count, value=1)
    return {"batchItemFailures": kept}


def _read(record: Mapping[str, Any]) -> DeadMessage:
    queue = str(record["eventSourceARN"]).rpartition(":")[2]
    return DeadMessage(
        id=str(record["messageId"]),
        body=str(record["body"]),
        sent_at_ms=int(record["attributes"]["SentTimestamp"]),
        queue=queue,
        runtime=_settings.runtimes[queue],
    )
