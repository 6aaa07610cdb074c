"""What the two handlers have in common as Lambda functions: logs, metrics, wiring once a process."""

import os
from collections.abc import Callable
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from .batch import FailureBucket, process
from .clients import s3_client
from .settings import Settings
from .stream_record import StreamRecord

Send = Callable[[StreamRecord], bool]
LambdaHandler = Callable[[dict[str, Any], LambdaContext], None]


def entry_point(name: str, make: Callable[[Settings], Send]) -> LambdaHandler:
    """Make a handler's entry point; it raises `BatchNotDoneError` where some records could not be sent this time.

    Args:
        name: the handler's name, the first part of the keys in the failure bucket.
        make: makes what sends a record.
    """
    logger, metrics = Logger(), Metrics()

    @cache
    def wired() -> tuple[Send, FailureBucket]:
        settings = Settings.from_environment(os.environ)
        return make(settings), FailureBucket(s3_client(), settings.failure_bucket, name)

    def count(outcome: str, record_id: str, reason: str) -> None:
        metrics.add_metric(name=outcome, unit=MetricUnit.Count, value=1)
        if reason:
            logger.warning("record not sent", extra={"outcome": outcome, "record": record_id, "reason": reason})

    @metrics.log_metrics
    @logger.inject_lambda_context
    def lambda_handler(event: dict[str, Any], context: LambdaContext) -> None:  # noqa: ARG001 (Lambda's signature)
        metrics.add_metric(name="Received", unit=MetricUnit.Count, value=len(event["Records"]))
        send, failures = wired()
        process(event["Records"], send=send, failures=failures, outcome=count)

    return lambda_handler
