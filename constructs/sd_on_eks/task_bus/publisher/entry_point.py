"""The two handlers as Lambda functions: settings and clients, which a process creates once, logs and metrics."""

import os
from collections import Counter
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from sd_on_eks.handler_support.clients import s3_client, sns_client
from sd_on_eks.handler_support.topic import Topic

from .batch import FailureBucket, process
from .notifier import Notifier
from .relay import Relay
from .settings import Settings
from .stream_record import StreamRecord

LambdaHandler = Callable[[dict[str, Any], LambdaContext], dict[str, int]]

_settings = Settings.from_environment(os.environ)
_topic = Topic(sns_client(), _settings.topic_arn)


def _lambda_handler(name: str, send: Callable[[StreamRecord], bool]) -> LambdaHandler:
    """Create the entry point of a handler.

    It returns the number of records by outcome, which the stream ignores and `scripts/resend.py` reads. It raises
    `BatchNotDoneError` if some records failed with a temporary error.
    """
    logger, metrics = Logger(), Metrics()
    failures = FailureBucket(s3_client(), _settings.failure_bucket, name)

    @metrics.log_metrics
    @logger.inject_lambda_context
    def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:  # noqa: ARG001 (Lambda's signature)
        outcomes: Counter[str] = Counter()

        def count(outcome: str, record_id: str, reason: str) -> None:
            outcomes[outcome] += 1
            metrics.add_metric(name=outcome, unit=MetricUnit.Count, value=1)
            if reason:
                logger.warning("record not sent", extra={"outcome": outcome, "record": record_id, "reason": reason})

        metrics.add_metric(name="Received", unit=MetricUnit.Count, value=len(event["Records"]))
        process(event["Records"], send=send, failures=failures, outcome=count)
        return dict(outcomes)

    return lambda_handler


relay = _lambda_handler("relay", Relay(_topic).send)
notifier = _lambda_handler(
    "notifier",
    Notifier(_topic, output_bucket=_settings.output_bucket, notify_running=_settings.notify_running).send,
)
