"""Metrics: their content, time and format, and that no task depends on them."""

import asyncio
import json
import logging
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from queue_agent import clock, metrics
from queue_agent.errors import AwsUnreachableError, RuntimeUnavailableError, TaskFailedError
from queue_agent.log_stream import LogEvent
from queue_agent.metrics import MAX_KEPT, Outcome, TaskMetrics
from queue_agent.settings import Settings
from queue_agent.worker import Worker
from task_record.status import Status
from tests.unit.queue_agent.conftest import virtual_time

pytestmark = [pytest.mark.asyncio, virtual_time]

PAGE = Path(__file__).parents[3] / "docs" / "queue-agent.md"
OTHER = "99999999-9999-4999-8999-999999999999"
ALL_TIMINGS = {
    "queued_ms": 1500,
    "prepare_ms": 20,
    "waited_ms": 30,
    "inference_ms": 2000,
    "gpu_seconds": 2.0,
    "store_ms": 250,
}
SCHEMA = {
    "type": "object",
    "required": ["_aws"],
    "properties": {
        "_aws": {
            "type": "object",
            "required": ["Timestamp", "CloudWatchMetrics"],
            "additionalProperties": False,
            "properties": {
                "Timestamp": {"type": "integer"},
                "CloudWatchMetrics": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "object",
                        "required": ["Namespace", "Dimensions", "Metrics"],
                        "additionalProperties": False,
                        "properties": {
                            "Namespace": {"type": "string", "pattern": "^[A-Za-z0-9._/#:-]{1,1024}$"},
                            "Dimensions": {
                                "type": "array",
                                "minItems": 1,
                                "items": {
                                    "type": "array",
                                    "maxItems": 30,
                                    "items": {"type": "string", "minLength": 1, "maxLength": 250},
                                },
                            },
                            "Metrics": {
                                "type": "array",
                                "minItems": 1,
                                "maxItems": 100,
                                "items": {
                                    "type": "object",
                                    "required": ["Name"],
                                    "additionalProperties": False,
                                    "properties": {
                                        "Name": {"type": "string", "minLength": 1, "maxLength": 1024},
                                        "Unit": {"enum": ["Seconds", "Count"]},
                                    },
                                },
                            },
                        },
                    },
                },
            },
        }
    },
    "additionalProperties": {"type": ["number", "string"]},
}
"""The used part of the AWS specification of the format."""


class Events:
    """Records the writes and their times, and rejects the first ones.

    Attributes:
        written: time in virtual seconds, and documents, of each write.
        tries: number of started writes.
    """

    def __init__(self, *, refusals: int = 0, seconds: float = 0) -> None:
        self.written: list[tuple[float, list[dict[str, Any]]]] = []
        self.tries = 0
        self._refusals = refusals
        self._seconds = seconds

    async def put(self, events: list[LogEvent]) -> None:
        self.tries += 1
        await asyncio.sleep(self._seconds)
        if self.tries <= self._refusals:
            raise AwsUnreachableError("no route")
        self.written.append((clock.monotonic_s(), [json.loads(event.message) for event in events]))

    @property
    def counts(self) -> list[int]:
        return [len(documents) for _, documents in self.written]


def writing(counted: TaskMetrics, events: Events) -> Any:
    return metrics.writing(counted, events, namespace="SdOnEks/Stack", runtime_name="sd")


def documents_of(counted: TaskMetrics) -> list[dict[str, Any]]:
    return [json.loads(event.message) for event in counted.take(namespace="SdOnEks/Stack", runtime_name="sd")]


@pytest.fixture
def ended(work: Any) -> Callable[..., Any]:
    """Run the agent, and return its metrics."""

    async def run(seconds: float = 600, **options: Any) -> list[dict[str, Any]]:
        workers: list[Worker] = []
        during = {0.0: workers.append} | dict(options.pop("during", {}))
        await work(seconds, during=during, **options)
        return documents_of(workers[0].metrics)

    return run


def outcomes(documents: list[dict[str, Any]]) -> list[str]:
    return [name for document in documents for name in document if name.startswith("Tasks")]


@pytest.mark.parametrize("outcome", Outcome)
@pytest.mark.parametrize("timings", [{}, {"queued_ms": 3}, ALL_TIMINGS], ids=len)
async def test_document_is_of_the_embedded_metric_format(outcome: Outcome, timings: dict[str, float]) -> None:
    counted = TaskMetrics()
    counted.ended(outcome, timings)
    (document,) = documents_of(counted)
    jsonschema.validate(document, SCHEMA)


@pytest.mark.parametrize("timings", [{}, {"queued_ms": 3}, ALL_TIMINGS], ids=len)
async def test_document_has_a_value_for_each_metric_and_dimension_that_it_names(timings: dict[str, float]) -> None:
    counted = TaskMetrics()
    counted.ended(Outcome.COMPLETED, timings)
    (document,) = documents_of(counted)
    (directive,) = document["_aws"]["CloudWatchMetrics"]
    (dimensions,) = directive["Dimensions"]
    assert [*dimensions, *(metric["Name"] for metric in directive["Metrics"])] == [*document][1:]


async def test_page_lists_every_metric_with_its_unit() -> None:
    counted = TaskMetrics()
    for outcome in Outcome:
        counted.ended(outcome, ALL_TIMINGS)
    directives = [document["_aws"]["CloudWatchMetrics"][0] for document in documents_of(counted)]
    written = {(metric["Name"], metric["Unit"]) for directive in directives for metric in directive["Metrics"]}
    listed = re.findall(r"^\| `(\w+)` \| (Count|Seconds) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(written)


async def test_document_has_durations_in_seconds() -> None:
    counted = TaskMetrics()
    counted.ended(Outcome.COMPLETED, ALL_TIMINGS)
    (document,) = documents_of(counted)
    del document["_aws"]
    assert document == {
        "Runtime": "sd",
        "TasksCompleted": 1,
        "QueueTime": 1.5,
        "GpuWaitTime": 0.03,
        "GpuTime": 2.0,
        "StoreTime": 0.25,
    }


async def test_event_and_metric_have_the_time_at_which_the_task_ended(world: Any, ended: Any) -> None:
    (document,) = await ended(runtime={"seconds": 5})
    assert document["_aws"]["Timestamp"] == pytest.approx(1_800_000_000_000 + world.at("finish") * 1000, abs=5)


async def test_a_completed_task_reports_how_long_gpu_and_storage_took(world: Any, ended: Any) -> None:
    world.put_s = 0.5
    (document,) = await ended(runtime={"seconds": 2})
    assert document["TasksCompleted"] == 1
    assert (document["GpuTime"], document["StoreTime"]) == (pytest.approx(2, abs=0.01), pytest.approx(1, abs=0.1))


@pytest.mark.parametrize(
    ("runtime", "counted"),
    [
        ({}, "TasksCompleted"),
        ({"outcome": TaskFailedError("runtime_error", "no such sampler")}, "TasksFailed"),
        ({"answer_error": TaskFailedError("runtime_error", "out of memory")}, "TasksFailed"),
        ({"seconds": 1000}, "TasksFailed"),  # stalled
    ],
)
async def test_each_end_is_counted_once(ended: Any, runtime: dict[str, Any], counted: str) -> None:
    assert outcomes(await ended(runtime=runtime)) == [counted]


async def test_a_task_that_is_given_up_is_a_failed_one(world: Any, ended: Any, make: Any) -> None:
    world.messages = [make.message(tasktype="pipeline")]
    assert outcomes(await ended()) == ["TasksFailed"]


async def test_a_task_whose_message_comes_after_its_end_is_not_counted(world: Any, ended: Any, make: Any) -> None:
    world.record = make.record(Status.COMPLETED)
    assert await ended() == []


async def test_a_task_without_record_is_not_counted(world: Any, ended: Any, make: Any) -> None:
    world.record = None
    world.messages = [make.message(tasktype="pipeline")]
    assert await ended() == []


async def test_a_released_task_reports_its_gpu_time(ended: Any) -> None:
    (document,) = await ended(5, runtime={"seconds": 60}, spot_allowed=True)
    assert outcomes([document]) == ["TasksUnfinished"]
    assert document["GpuTime"] == pytest.approx(5, abs=0.1)
    assert "StoreTime" not in document


async def test_a_task_that_its_runtime_dies_under_is_unfinished(ended: Any) -> None:
    def go(worker: Worker) -> None:
        worker._runtime.ready = False  # type: ignore[attr-defined]  # the fake

    outcome = RuntimeUnavailableError("gone", accepted=True)
    assert outcomes(await ended(5, runtime={"outcome": outcome}, during={1: go})) == ["TasksUnfinished"]


async def test_a_cancelled_task_is_unfinished(world: Any, ended: Any, make: Any) -> None:
    def cancel(_: Worker) -> None:
        world.record = make.record(Status.CANCELLED)

    assert outcomes(await ended(runtime={"seconds": 60}, during={10: cancel})) == ["TasksUnfinished"]


async def test_a_task_whose_results_come_too_late_is_unfinished(world: Any, ended: Any, make: Any) -> None:
    def lose(_: Worker) -> None:
        world.record = make.record(Status.RUNNING, claim=OTHER, lease_until=1_900_000_000_000)

    world.put_s = 2.0
    documents = await ended(20, runtime={"seconds": 2}, during={3.5: lose})
    assert outcomes(documents) == ["TasksUnfinished"]


async def test_a_task_whose_end_the_table_never_answers_is_unfinished(world: Any, ended: Any) -> None:
    world.before["put out"] = lambda: setattr(world, "table_is_up", False)
    assert outcomes(await ended(3000)) == ["TasksUnfinished"]


async def test_a_task_whose_failure_the_table_never_answers_is_unfinished(world: Any, ended: Any) -> None:
    failure = TaskFailedError("runtime_error", "no such sampler")
    down = {1: lambda _: setattr(world, "table_is_up", False)}
    assert outcomes(await ended(3000, runtime={"outcome": failure}, during=down)) == ["TasksUnfinished"]


async def test_metrics_are_written_once_a_minute_while_tasks_end() -> None:
    counted, events = TaskMetrics(), Events()
    async with writing(counted, events):
        for _ in range(18):
            counted.ended(Outcome.COMPLETED, {})
            await asyncio.sleep(10)
    times = [seconds for seconds, _ in events.written]
    assert [later - earlier for earlier, later in pairwise(times)] == pytest.approx([60] * (len(times) - 1), abs=0.1)
    assert sum(events.counts) == 18


async def test_nothing_is_written_while_nothing_ends() -> None:
    events = Events()
    async with writing(TaskMetrics(), events):
        await asyncio.sleep(3600)
    assert events.tries == 0


async def test_what_is_left_is_written_at_the_end() -> None:
    counted, events = TaskMetrics(), Events()
    async with writing(counted, events):
        counted.ended(Outcome.COMPLETED, {})
    assert events.counts == [1]


async def test_what_ends_during_the_last_write_is_written_too() -> None:
    counted, events = TaskMetrics(), Events(seconds=5)
    async with writing(counted, events):
        counted.ended(Outcome.COMPLETED, {})
        await asyncio.sleep(62)
        counted.ended(Outcome.FAILED, {})
    assert events.counts == [1, 1]


async def test_what_cannot_be_written_is_dropped_and_counted() -> None:
    counted, events = TaskMetrics(), Events(refusals=2)
    async with writing(counted, events):
        for _ in range(3):
            counted.ended(Outcome.COMPLETED, {})
            await asyncio.sleep(61)
    assert (events.counts, counted.dropped) == ([1], 2)


async def test_an_outage_is_logged_when_it_begins_and_when_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "queue_agent")
    counted, events = TaskMetrics(), Events(refusals=3)
    async with writing(counted, events):
        for _ in range(5):
            counted.ended(Outcome.COMPLETED, {})
            await asyncio.sleep(61)
    assert [json.loads(record.message) for record in caplog.records] == [
        {"event": "metrics_not_written", "error": "Unreachable: no route"},
        {"event": "metrics_written_again", "dropped": 3},
    ]


async def test_a_service_that_hangs_delays_no_task(world: Any, work: Any, fill: Any) -> None:
    fill(60)
    events = Events(seconds=1000)
    tasks: list[asyncio.Task[None]] = []

    async def write(worker: Worker) -> None:
        async with writing(worker.metrics, events):
            await asyncio.sleep(600)

    await work(300, runtime={"seconds": 2}, during={0: lambda worker: tasks.append(asyncio.create_task(write(worker)))})
    assert events.tries == 1
    ends, starts = world.times("inferred"), world.times("post")
    assert len(ends) == 60
    assert [round(start - end, 3) for end, start in zip(ends[1:], starts[2:], strict=False)] == [0.0] * 58
    tasks[0].cancel()
    await asyncio.wait(tasks)


@pytest.mark.parametrize("variables", [{}, {"METRICS_LOG_GROUP": ""}])
async def test_without_a_log_group_metrics_are_off(variables: dict[str, str]) -> None:
    names = ("SQS_QUEUE_URL", "TASK_TABLE_NAME", "S3_BUCKET", "RUNTIME_NAME", "API_BASE_URL", "AWS_REGION")
    environment = {**dict.fromkeys(names, "x"), "RUNTIME_TYPE": "comfyui"}
    assert Settings.from_environment({**environment, "METRICS_LOG_GROUP": "group"}).metrics_log_group == "group"
    assert Settings.from_environment(environment | variables).metrics_log_group is None


async def test_events_are_in_order_even_if_the_wall_clock_is_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = TaskMetrics()
    for now_ms in (2000, 3000, 1000):
        monkeypatch.setattr(clock, "now_ms", lambda now_ms=now_ms: now_ms)
        counted.ended(Outcome.COMPLETED, {})
    events = counted.take(namespace="SdOnEks/Stack", runtime_name="sd")
    assert [event.timestamp_ms for event in events] == [1000, 2000, 3000]


async def test_the_most_that_is_kept_is_no_more_than_a_call_takes() -> None:
    counted = TaskMetrics()
    for _ in range(MAX_KEPT + 5):
        counted.ended(Outcome.UNFINISHED, dict.fromkeys(ALL_TIMINGS, 123456789.123))
    events = counted.take(namespace="SdOnEks/" + "x" * 128, runtime_name="r" * 63)
    assert (len(events), counted.dropped) == (MAX_KEPT, 5)
    assert sum(len(event.message.encode()) + 26 for event in events) <= 1_048_576
