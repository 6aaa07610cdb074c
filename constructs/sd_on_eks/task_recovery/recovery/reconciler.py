"""Entry point of the reconciler, which runs every five minutes."""

import os
import time
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from sd_on_eks.handler_support.clients import dynamodb_client, sns_client, sqs_client
from sd_on_eks.handler_support.topic import Topic

from .lost_messages import LostMessages
from .records import Records
from .run import Run, RunNotDoneError
from .runtime_queues import RuntimeQueues
from .settings import ReconcilerSettings
from .stranded_tasks import StrandedTasks


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


logger = Logger()
metrics = Metrics()
_settings = ReconcilerSettings.from_environment(os.environ)
_records = Records(dynamodb_client(), _settings.table_name)
_tasks = StrandedTasks(_records, runtimes=_settings.queues.keys(), times=_settings.times, now_ms=_now_ms)
_messages = LostMessages(
    _records,
    queues=RuntimeQueues(sqs_client(), _settings.queues),
    topic=Topic(sns_client(), _settings.topic_arn),
    now_ms=_now_ms,
)


@metrics.log_metrics
@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:  # noqa: ARG001 (Lambda's signature)
    """Run once.

    Returns:
        The counts, by the names of the metrics.

    Raises:
        RunNotDoneError: some calls failed; everything else was done.
    """
    run = Run(remaining_s=lambda: context.get_remaining_time_in_millis() / 1000)
    _tasks.end(run)
    _messages.publish(run)
    for name, count in run.counts.items():
        metrics.add_metric(name=name, unit=MetricUnit.Count, value=count)
    metrics.add_metric(name="Runs", unit=MetricUnit.Count, value=1)
    logger.info("run", extra={"counts": dict(run.counts), "errors": dict(run.errors)})
    if run.errors:
        raise RunNotDoneError(", ".join(f"{error} ({count})" for error, count in run.errors.items()))
    return dict(run.counts)
