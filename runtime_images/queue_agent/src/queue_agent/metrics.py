"""CloudWatch metrics of the tasks: collected in memory, and written to a log stream once a minute.

CloudWatch extracts metrics from log events in the embedded metric format:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html

No task waits for a write, and a failed write affects no task: its events are dropped and counted. Nothing is written
while no task ends, because a metric is billed for each hour in which it has data.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

import orjson

from queue_agent import clock
from queue_agent.errors import AwsError
from queue_agent.log_stream import LogEvent
from queue_agent.logs import log

MAX_KEPT: Final = 1000
"""Maximum number of buffered tasks: more than a GPU completes in a minute, and fewer than the limit of one call."""
_EVERY_S: Final = 60.0
_DURATIONS: Final = {
    "queued_ms": "QueueTime",
    "waited_ms": "GpuWaitTime",
    "inference_ms": "GpuTime",
    "store_ms": "StoreTime",
}
"""Timing of a task -> its metric."""


class Outcome(StrEnum):
    """How a task ended in this agent. The value is the name of the metric that counts it."""

    COMPLETED = "TasksCompleted"
    FAILED = "TasksFailed"
    UNFINISHED = "TasksUnfinished"


@dataclass(frozen=True, slots=True)
class _Ended:
    at_ms: int
    outcome: Outcome
    timings: Mapping[str, float]


class Events(Protocol):
    """The destination of metrics."""

    async def put(self, events: list[LogEvent]) -> None:
        """Write events.

        Raises:
            AwsError: the service did not respond, or returned an error.
        """
        ...


class TaskMetrics:
    """The ended tasks that are not written yet.

    Attributes:
        dropped: number of tasks since the start that are missing in the metrics.
    """

    def __init__(self) -> None:
        self.dropped: int = 0
        self._ended: list[_Ended] = []

    def ended(self, outcome: Outcome, timings: Mapping[str, float]) -> None:
        """Add an ended task.

        Args:
            outcome: how it ended.
            timings: durations in milliseconds, without the stages that the task did not reach.
        """
        if len(self._ended) >= MAX_KEPT:
            self.dropped += 1
            return
        self._ended.append(_Ended(clock.now_ms(), outcome, dict(timings)))

    def take(self, *, namespace: str, runtime_name: str) -> list[LogEvent]:
        """Return the tasks since the last call, one event for each, and clear the buffer.

        Args:
            namespace: namespace of the metrics.
            runtime_name: value of the only dimension.
        """
        ended, self._ended = self._ended, []
        # The wall clock may have been set back, and CloudWatch rejects a batch that is not in order.
        ended.sort(key=lambda one: one.at_ms)
        return [LogEvent(one.at_ms, _document(one, namespace, runtime_name)) for one in ended]


@asynccontextmanager
async def writing(metrics: TaskMetrics, events: Events, *, namespace: str, runtime_name: str) -> AsyncIterator[None]:
    """Write metrics once a minute, and the remaining ones at the end.

    Args:
        metrics: the ended tasks.
        events: the destination.
        namespace: namespace of the metrics.
        runtime_name: value of the only dimension.
    """
    stopped = asyncio.Event()

    async def write() -> None:
        is_failing = is_last = False
        while not is_last:
            with suppress(TimeoutError):
                await asyncio.wait_for(stopped.wait(), _EVERY_S)
            is_last = stopped.is_set()
            batch = metrics.take(namespace=namespace, runtime_name=runtime_name)
            if not batch:
                continue
            try:
                await events.put(batch)
            except AwsError as error:
                metrics.dropped += len(batch)
                if not is_failing:
                    log("metrics_not_written", error=str(error))
                is_failing = True
            else:
                if is_failing:
                    log("metrics_written_again", dropped=metrics.dropped)
                is_failing = False

    task = asyncio.create_task(write())
    try:
        yield
    finally:
        stopped.set()
        await asyncio.wait({task})


def _document(ended: _Ended, namespace: str, runtime_name: str) -> str:
    durations = {metric: ended.timings[name] / 1000 for name, metric in _DURATIONS.items() if name in ended.timings}
    directive = {
        "Namespace": namespace,
        "Dimensions": [["Runtime"]],
        "Metrics": [
            {"Name": ended.outcome.value, "Unit": "Count"},
            *({"Name": metric, "Unit": "Seconds"} for metric in durations),
        ],
    }
    return orjson.dumps(
        {
            "_aws": {"Timestamp": ended.at_ms, "CloudWatchMetrics": [directive]},
            "Runtime": runtime_name,
            ended.outcome.value: 1,
            **durations,
        }
    ).decode()
