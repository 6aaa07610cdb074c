"""The reconciler: which messages it publishes again, in which order, and what it records."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from sd_on_eks.handler_support.topic import Topic
from sd_on_eks.task_recovery.recovery import lost_messages
from sd_on_eks.task_recovery.recovery.lost_messages import LostMessages
from sd_on_eks.task_recovery.recovery.records import Rejected
from sd_on_eks.task_recovery.recovery.run import Run
from sd_on_eks.task_recovery.recovery.runtime_queues import RuntimeQueues
from task_record import table
from task_record.message import decode_message
from task_record.transition import Transition
from tests.unit.task_recovery.world import HOUR, MINUTE, NOW, World, client_error


class Sqs:
    """SQS; `lengths` are the visible and the in-flight messages of each queue, or the error of the call."""

    def __init__(self) -> None:
        self.lengths: dict[str, tuple[int, int] | ClientError] = {"sd-queue": (0, 0), "comfy-queue": (0, 0)}

    def get_queue_url(self, **parameters: Any) -> dict[str, str]:
        return {"QueueUrl": f"https://queue/{parameters['QueueName']}"}

    def get_queue_attributes(self, **parameters: Any) -> dict[str, dict[str, str]]:
        length = self.lengths[parameters["QueueUrl"].rpartition("/")[2]]
        if isinstance(length, ClientError):
            raise length
        visible, in_flight = map(str, length)
        return {
            "Attributes": {
                "ApproximateNumberOfMessages": visible,
                "ApproximateNumberOfMessagesNotVisible": in_flight,
            }
        }


class Sns:
    """SNS that records which task was published to which runtime; `errors` are error codes by task."""

    def __init__(self) -> None:
        self.published: list[tuple[str, str]] = []
        self.errors: dict[str, str] = {}

    def publish(self, **parameters: Any) -> None:
        task_id = decode_message(parameters["Message"]).id
        if task_id in self.errors:
            raise client_error(self.errors[task_id], "Publish")
        self.published.append((task_id, parameters["MessageAttributes"]["runtime"]["StringValue"]))


class Bench:
    """The part of the reconciler that publishes lost messages."""

    def __init__(self, world: World) -> None:
        self.world, self.sqs, self.sns = world, Sqs(), Sns()
        self.now_ms = NOW
        self.messages = LostMessages(
            world.records,
            queues=RuntimeQueues(self.sqs, {"sd": "sd-queue", "comfy": "comfy-queue"}),  # type: ignore[arg-type] # a stub
            topic=Topic(self.sns, "arn:topic"),  # type: ignore[arg-type] # a stub
            now_ms=lambda: self.now_ms,
        )

    def run(self, remaining_s: float = 240.0) -> Run:
        run = Run(lambda: remaining_s)
        self.messages.publish(run)
        return run

    def published(self) -> list[str]:
        """Ids of the tasks that were published since the last call."""
        found, self.sns.published = [task_id for task_id, _ in self.sns.published], []
        return found


@pytest.fixture
def bench(world: World) -> Bench:
    return Bench(world)


def test_messages_of_a_queue_that_is_empty_in_three_runs_are_published(bench: Bench) -> None:
    bench.world.submit("t", ago_ms=MINUTE)
    assert [(bench.run(), bench.published())[1] for _ in range(4)] == [[], [], ["t"], ["t"]]


@pytest.mark.parametrize("length", [(1, 0), (0, 1)], ids=["visible", "in flight"])
def test_a_run_with_a_queue_that_is_not_empty_restarts_the_count(bench: Bench, length: tuple[int, int]) -> None:
    bench.world.submit("t", ago_ms=MINUTE)
    seen = []
    for now in [(0, 0), (0, 0), length, (0, 0), (0, 0), (0, 0)]:
        bench.sqs.lengths["sd-queue"] = now
        bench.run()
        seen.append(bench.published())
    assert seen == [[], [], [], [], [], ["t"]]


def test_empty_runs_are_counted_for_each_runtime(bench: Bench) -> None:
    bench.world.submit("a", ago_ms=MINUTE)
    bench.world.submit("b", runtime="comfy", ago_ms=MINUTE)
    bench.sqs.lengths["sd-queue"] = (5, 0)
    for _ in range(3):
        bench.run()
    assert bench.sns.published == [("b", "comfy")]


def test_two_runs_at_the_same_time_count_as_one(bench: Bench) -> None:
    bench.world.submit("t", ago_ms=MINUTE)
    bench.run()
    read = bench.world.records.read
    stale = {key: read(table.queue_key(key)) for key in ("sd", "comfy")}
    bench.run()
    # The other run reads the same count, and writes after this one.
    bench.world.records.read = lambda key: stale.get(str(key["pk"])[2:]) or read(key)  # type: ignore[method-assign] # the moment that is tested
    bench.run()
    assert bench.published() == []
    bench.world.records.read = read  # type: ignore[method-assign] # as above
    bench.run()
    assert bench.published() == ["t"]


def test_a_task_that_is_queued_for_over_an_hour_is_published_even_if_its_queue_is_not_empty(bench: Bench) -> None:
    bench.sqs.lengths["sd-queue"] = (100, 3)
    bench.world.submit("long", ago_ms=HOUR + 1)
    bench.world.submit("short", ago_ms=HOUR)
    bench.run()
    assert bench.published() == ["long"]


def test_the_hour_starts_when_the_task_was_last_published(bench: Bench) -> None:
    bench.sqs.lengths["sd-queue"] = (1, 0)
    task = bench.world.submit("t")
    bench.run()
    record = bench.world.record(task)
    assert record is not None
    assert record[table.PUBLISHED_AT] == NOW
    bench.now_ms = NOW + HOUR
    bench.run()
    assert bench.published() == ["t"]
    bench.now_ms = NOW + HOUR + 1
    bench.run()
    assert bench.published() == ["t"]


def test_a_running_or_ended_task_is_not_published(bench: Bench) -> None:
    bench.world.submit("running", status="running", claim="c", lease_until=0)
    bench.world.submit("completed", status="completed")
    bench.run()
    assert bench.published() == []


def test_the_time_of_publishing_is_recorded_only_on_a_queued_record(bench: Bench) -> None:
    task = bench.world.submit("t")
    publish = bench.sns.publish

    def publish_and_be_claimed(**parameters: Any) -> None:
        publish(**parameters)
        bench.world.submit("t", status="running", claim="c", lease_until=NOW)

    bench.sns.publish = publish_and_be_claimed  # type: ignore[method-assign] # an agent claims the task at once
    bench.run()
    record = bench.world.record(task)
    assert record is not None
    assert (record[table.STATUS], record.get(table.PUBLISHED_AT)) == ("running", None)


def test_a_record_without_a_message_is_skipped_and_does_not_stop_the_others(bench: Bench) -> None:
    bench.world.submit("direct", ago_ms=3 * HOUR, body=False)
    bench.world.submit("t")
    assert bench.run().counts == {"WithoutBody": 1, "Republished": 1}
    assert bench.published() == ["t"]


def test_a_message_that_sns_rejects_does_not_stop_the_others(bench: Bench) -> None:
    bench.world.submit("bad", ago_ms=3 * HOUR)
    bench.world.submit("t")
    bench.sns.errors["bad"] = "InvalidParameter"
    run = bench.run()
    assert (run.counts, run.errors) == ({"Refused": 1, "Republished": 1}, {})


def test_a_message_that_fails_with_a_temporary_error_is_published_by_the_next_run(bench: Bench) -> None:
    bench.world.submit("bad", ago_ms=3 * HOUR)
    bench.world.submit("t")
    bench.sns.errors["bad"] = "Throttling"
    run = bench.run()
    assert (run.counts, run.errors) == ({"Republished": 1}, {"Publish: Throttling": 1})
    bench.sns.errors.clear()
    bench.published()
    bench.run()
    assert bench.published() == ["bad"]


def test_a_run_that_stops_before_it_records_the_time_publishes_twice(bench: Bench) -> None:
    bench.world.submit("t")
    write = bench.world.records.write

    def fail_to_record(transition: Transition) -> Rejected | None:
        if transition.name == "note_published":
            raise client_error("InternalServerError", "UpdateItem")
        return write(transition)

    bench.world.records.write = fail_to_record  # type: ignore[method-assign] # an error of the table
    assert bench.run().errors == {"UpdateItem: InternalServerError": 1}
    assert bench.published() == ["t"]
    bench.world.records.write = write  # type: ignore[method-assign] # as above
    bench.run()
    assert bench.published() == ["t"]


def test_a_queue_that_cannot_be_read_does_not_stop_the_others(bench: Bench) -> None:
    bench.sqs.lengths["sd-queue"] = client_error("AWS.SimpleQueueService.NonExistentQueue", "GetQueueAttributes")
    bench.world.submit("a", runtime="comfy", ago_ms=MINUTE)
    runs = [bench.run() for _ in range(3)]
    assert bench.published() == ["a"]
    assert all(run.errors for run in runs)


def test_limits_are_those_of_the_protocol() -> None:
    assert (lost_messages.MAX_PUBLISHED, lost_messages.LONG_QUEUED_MS, lost_messages.EMPTY_RUNS) == (500, HOUR, 3)


def test_a_run_publishes_up_to_its_limit_the_runtimes_in_turn_and_the_oldest_first(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lost_messages, "MAX_PUBLISHED", 5)
    for number in range(6):
        bench.world.submit(f"sd-{number}", ago_ms=3 * HOUR - number)
    for number in range(2):
        bench.world.submit(f"comfy-{number}", runtime="comfy", ago_ms=2 * HOUR - number)
    bench.run()
    assert bench.published() == ["sd-0", "comfy-0", "sd-1", "comfy-1", "sd-2"]
    bench.run()
    assert bench.published() == ["sd-3", "sd-4", "sd-5"]


def test_a_run_that_is_out_of_time_leaves_the_others_to_the_next_run(bench: Bench) -> None:
    bench.world.submit("t")
    assert bench.run(remaining_s=20.0).counts == {}
    bench.run()
    assert bench.published() == ["t"]
