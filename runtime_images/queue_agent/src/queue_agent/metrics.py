"""What becomes of tasks, as metrics of CloudWatch: noted in memory, written to a log stream once a minute.

CloudWatch makes metrics of log events in its embedded metric format:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html

No task waits for it, and none is harmed where it fails: what cannot be written is dropped and counted. While nothing
ends nothing is written, because a metric costs money for each hour in which it has data.
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

MOST_KEPT: Final = 1000
"""More than a GPU does in a minute, and less than one call takes."""
_EVERY_S: Final = 60.0
_DURATIONS: Final = {
    "queued_ms": "QueueTime",
    "waited_ms": "GpuWaitTime",
    "inference_ms": "GpuTime",
    "store_ms": "StoreTime",
}
"""A task's timings -> the metrics that tell them."""


class Outcome(StrEnum):
    """What became of a task in this agent's hands; the value is the metric that counts it."""

    COMPLETED = "TasksCompleted"
    FAILED = "TasksFailed"
    UNFINISHED = "TasksUnfinished"


@dataclass(frozen=True, slots=True)
class _Ended:
    at_ms: int
    outcome: Outcome
    timings: Mapping[str, float]


class Events(Protocol):
    """Where metrics are written."""

    async def put(self, events: list[LogEvent]) -> None:
        """Write events.

        Raises:
            AwsError: the service does not answer or says no.
        """
        ...


class TaskMetrics:
    """What became of the tasks that are not written yet.

    Attributes:
        dropped: tasks since the start that no metric tells.
    """

    def __init__(self) -> None:
        self.dropped: int = 0
        self._ended: list[_Ended] = []

    def ended(self, outcome: Outcome, timings: Mapping[str, float]) -> None:
        """Note what became of a task.

        Args:
            outcome: what.
            timings: what took how long, in milliseconds; what did not happen is not there.
        """
        if len(self._ended) >= MOST_KEPT:
            self.dropped += 1
            return
        self._ended.append(_Ended(clock.now_ms(), outcome, dict(timings)))

    def take(self, *, namespace: str, runtime_name: str) -> list[LogEvent]:
        """Take what was noted since the last time, as one event for each task.

        Args:
            namespace: of the metrics.
            runtime_name: their one dimension.
        """
        ended, self._ended = self._ended, []
        # The wall clock may have been set back, and events that are not in order are refused, all of them.
        ended.sort(key=lambda one: one.at_ms)
        return [LogEvent(one.at_ms, _document(one, namespace, runtime_name)) for one in ended]


@asynccontextmanager
async def writing(metrics: TaskMetrics, events: Events, *, namespace: str, runtime_name: str) -> AsyncIterator[None]:
    """Write metrics once a minute, and at the end what is left.

    Args:
        metrics: what to write.
        events: where.
        namespace: of the metrics.
        runtime_name: their one dimension.
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
