"""Relay and notifier: what they publish, which records they store as failed, and when Lambda retries a batch."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sd_on_eks.handler_support.topic import Topic
from sd_on_eks.task_bus.publisher.batch import BatchNotDoneError, FailureBucket, process
from sd_on_eks.task_bus.publisher.notifier import Notifier
from sd_on_eks.task_bus.publisher.relay import Relay
from sd_on_eks.task_bus.publisher.settings import Settings
from task_record import table
from task_record.attribute_values import to_attribute_values
from task_record.environment import SettingsError
from task_record.message import TaskMessage, encode_message
from task_record.table import Item


class Sns:
    """SNS that records what is published; `error_for` returns the error code of a message."""

    def __init__(self) -> None:
        self.published: list[dict[str, Any]] = []
        self.error_for: Callable[[str], str | None] = lambda _: None

    def publish(self, **parameters: Any) -> None:
        code = self.error_for(parameters["Message"])
        if code:
            raise ClientError({"Error": {"Code": code, "Message": ""}}, "Publish")
        self.published.append(parameters)


class S3:
    """S3 that records what is put, and fails if it is down."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.is_down = False

    def put_object(self, **parameters: Any) -> None:
        if self.is_down:
            raise ClientError({"Error": {"Code": "SlowDown", "Message": ""}}, "PutObject")
        self.objects[parameters["Key"]] = parameters["Body"]


class Bench:
    """The handlers with stubs of SNS and S3."""

    def __init__(self) -> None:
        self.sns, self.s3 = Sns(), S3()
        self.outcomes: list[str] = []
        topic = Topic(self.sns, "arn:topic")  # type: ignore[arg-type] # a stub of the one call that is used
        self.relay = Relay(topic)
        self.notifier = Notifier(topic, output_bucket="bucket", notify_running=False)
        self.notifier_of_starts = Notifier(topic, output_bucket="bucket", notify_running=True)

    def run(self, handler: Relay | Notifier, *records: dict[str, Any]) -> None:
        process(
            records,
            send=handler.send,
            failures=FailureBucket(self.s3, "failures", "handler"),  # type: ignore[arg-type] # as above
            outcome=lambda name, _id, _reason: self.outcomes.append(name),
        )


@pytest.fixture
def bench() -> Bench:
    return Bench()


MESSAGE = encode_message(TaskMessage(id="t", runtime="sd", tasktype="text-to-image", submission="S", content={}))


def change(name: str, new: Item | None, old: Item | None = None, event_id: str = "e1") -> dict[str, Any]:
    images = {"NewImage": new, "OldImage": old}
    return {
        "eventID": event_id,
        "eventName": name,
        "dynamodb": {key: to_attribute_values(image) for key, image in images.items() if image is not None},
    }


def body(message: str = MESSAGE, **changes: str) -> Item:
    return {**table.body_key("o", "t", "S"), table.MESSAGE: message, table.RUNTIME: "sd", **changes}


def meta(status: str, **changes: str | int) -> Item:
    return {
        **table.meta_key("o", "t", "S"),
        table.ID: "t",
        table.SUBMISSION: "S",
        table.RUNTIME: "sd",
        table.STATUS: status,
        **changes,
    }


def test_relay_publishes_the_message_with_its_runtime(bench: Bench) -> None:
    bench.run(bench.relay, change("INSERT", body()))
    (published,) = bench.sns.published
    assert published["Message"] == MESSAGE
    assert published["MessageAttributes"] == {"runtime": {"DataType": "String", "StringValue": "sd"}}


@pytest.mark.parametrize(
    "record",
    [change("MODIFY", body(), body()), change("REMOVE", None, body()), change("INSERT", meta("queued"))],
    ids=["change", "removal", "record"],
)
def test_relay_publishes_new_messages_only(bench: Bench, record: dict[str, Any]) -> None:
    bench.run(bench.relay, record)
    assert (bench.sns.published, bench.outcomes) == ([], [])


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled"])
def test_notifier_publishes_every_end(bench: Bench, status: str) -> None:
    bench.run(bench.notifier, change("MODIFY", meta(status), meta("running")))
    (published,) = bench.sns.published
    assert json.loads(published["Message"])["status"] == status


def test_notifier_publishes_an_end_that_has_no_old_image(bench: Bench) -> None:
    bench.run(bench.notifier, change("INSERT", meta("failed")))
    assert len(bench.sns.published) == 1


@pytest.mark.parametrize(
    "record",
    [
        change("INSERT", meta("queued")),
        change("MODIFY", meta("running", claim="c"), meta("queued")),
        change("REMOVE", None, meta("completed")),
        change("INSERT", body()),
    ],
    ids=["queued", "running", "removal", "message"],
)
def test_notifier_publishes_no_other_change(bench: Bench, record: dict[str, Any]) -> None:
    bench.run(bench.notifier, record)
    assert bench.sns.published == []


def test_notifier_publishes_a_claim_once_if_configured(bench: Bench) -> None:
    claimed, renewed = meta("running", claim="c", lease_until=1), meta("running", claim="c", lease_until=2)
    bench.run(bench.notifier_of_starts, change("MODIFY", claimed, meta("queued")), change("MODIFY", renewed, claimed))
    assert len(bench.sns.published) == 1


def test_a_callback_that_is_published_again_is_identical(bench: Bench) -> None:
    record = change("MODIFY", meta("completed", result='{"image_url": []}'), meta("running"))
    bench.run(bench.notifier, record)
    bench.run(bench.notifier, record)
    first, second = bench.sns.published
    assert first == second


@pytest.mark.parametrize(
    "poison",
    [body(message=""), body(runtime="")],
    ids=["no message", "no runtime"],
)
def test_a_poison_record_is_stored_and_the_others_are_published(bench: Bench, poison: Item) -> None:
    bench.run(bench.relay, change("INSERT", poison, event_id="bad"), change("INSERT", body(), event_id="good"))
    assert bench.outcomes == ["Poison", "Sent"]
    stored = json.loads(bench.s3.objects["handler/bad.json"])
    assert stored["record"]["eventID"] == "bad"
    assert stored["reason"]


def test_a_message_that_sns_rejects_is_stored(bench: Bench) -> None:
    bench.sns.error_for = lambda _: "InvalidParameter"
    bench.run(bench.relay, change("INSERT", body()))
    assert list(bench.s3.objects) == ["handler/e1.json"]


@pytest.mark.parametrize(
    "poison",
    [
        meta("exploded"),
        meta("completed", result="no JSON"),
        meta("completed", result="[1]"),
        meta("completed", timings="3"),
        meta("failed", error="[" * 5000),
        {name: value for name, value in meta("failed").items() if name != table.ID},
    ],
    ids=["unknown status", "no JSON", "a list", "a number", "deep", "no id"],
)
def test_a_record_without_a_valid_callback_is_stored_and_the_others_are_published(bench: Bench, poison: Item) -> None:
    bench.run(bench.notifier, change("MODIFY", poison), change("MODIFY", meta("failed"), event_id="good"))
    assert bench.outcomes == ["Poison", "Sent"]


def test_a_callback_over_200_kib_has_the_location_of_the_whole_response(bench: Bench) -> None:
    result = {
        "image_url": ["s3://bucket/t/t-0123-0.png"],
        "output_url": "s3://bucket/t/t-0123.out",
        "text": "ü" * 90_000,
    }
    bench.run(bench.notifier, change("MODIFY", meta("completed", result=json.dumps(result))))
    (published,) = bench.sns.published
    assert len(published["Message"].encode()) <= 200 * 1024
    callback = json.loads(published["Message"])
    assert (callback["result"], callback["output_url"]) == (None, "s3://bucket/t/t-0123.out")


def test_event_ids_identify_the_event_and_not_the_delivery(bench: Bench) -> None:
    claimed, claimed_again = meta("running", claim="c"), meta("running", claim="d")
    bench.run(
        bench.notifier_of_starts,
        change("MODIFY", claimed, meta("queued"), event_id="1"),
        change("MODIFY", claimed, meta("queued"), event_id="2"),
        change("MODIFY", claimed_again, meta("queued"), event_id="3"),
        change("MODIFY", meta("failed", claim="d"), claimed_again, event_id="4"),
    )
    first, duplicate, second, end = (json.loads(one["Message"])["event_id"] for one in bench.sns.published)
    assert first == duplicate
    assert len({first, second, end}) == 3


def test_a_running_callback_has_neither_progress_nor_result(bench: Bench) -> None:
    record = meta("running", claim="c", progress="0.5", result='{"image_url": ["x"]}')
    bench.run(bench.notifier_of_starts, change("MODIFY", record, meta("queued")))
    (published,) = bench.sns.published
    callback = json.loads(published["Message"])
    assert (callback["result"], callback["image_url"], "progress" in callback) == (None, [], False)


def test_fails_when_sns_is_down_after_every_other_record_was_tried(bench: Bench) -> None:
    bench.sns.error_for = lambda message: "Throttling" if "first" in message else None
    first, second = body(message='{"first": 1}'), body()
    with pytest.raises(BatchNotDoneError, match="1 of 2 records could not be published; Lambda retries the batch"):
        bench.run(bench.relay, change("INSERT", first, event_id="e1"), change("INSERT", second, event_id="e2"))
    assert [one["Message"] for one in bench.sns.published] == [MESSAGE]
    assert bench.s3.objects == {}


def test_fails_when_a_poison_record_cannot_be_stored(bench: Bench) -> None:
    bench.s3.is_down = True
    with pytest.raises(BatchNotDoneError):
        bench.run(bench.relay, change("INSERT", body(message="")))


def test_fails_when_the_environment_is_incomplete() -> None:
    with pytest.raises(SettingsError, match="missing: FAILURE_BUCKET_NAME, NOTIFY_RUNNING"):
        Settings.from_environment({"TOPIC_ARN": "x", "OUTPUT_BUCKET_NAME": "b"})
