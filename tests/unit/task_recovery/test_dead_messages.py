"""The dead-letter handler: which tasks end, which messages stay, and which are quarantined."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sd_on_eks.task_recovery.recovery.dead_messages import DeadMessage, DeadMessages, Outcome
from sd_on_eks.task_recovery.recovery.records import Rejected
from task_record import table
from task_record.message import TaskMessage, encode_message
from task_record.status import Status
from task_record.table import Item
from task_record.transition import Transition
from task_record.transitions import TaskRef
from tests.unit.task_recovery.world import NOW, TIMES, World, client_error

LIVE, LAPSED = NOW + 10_000, NOW - 2_001
DIRECT = {"metadata": {"id": "a direct ü", "tasktype": "text-to-image"}, "content": {"prompt": "x"}}


class S3:
    """S3 that records what is put, and fails if it is down."""

    def __init__(self, order: list[str]) -> None:
        self.objects: dict[str, bytes] = {}
        self.order = order
        self.is_down = False

    def put_object(self, **parameters: Any) -> None:
        if self.is_down:
            raise client_error("SlowDown", "PutObject")
        self.order.append("quarantine")
        self.objects[parameters["Key"]] = parameters["Body"]


class Bench:
    """The handler with a table in memory; `order` has its writes to table and bucket."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.order: list[str] = []
        self.s3 = S3(self.order)
        self.now_ms = NOW
        self.messages = DeadMessages(
            world.records,
            s3=self.s3,  # type: ignore[arg-type] # a stub of the one call that is used
            bucket="output",
            times=TIMES,
            now_ms=lambda: self.now_ms,
        )
        self._write = world.records.write
        world.records.write = self._record_and_write  # type: ignore[method-assign] # records the order

    def _record_and_write(self, transition: Transition) -> Rejected | None:
        self.order.append("write")
        return self._write(transition)

    def end(self, body: str) -> Outcome:
        return self.messages.end(
            DeadMessage(id="m-1", body=body, sent_at_ms=NOW - 60_000, queue="sd-dead", runtime="sd")
        )

    def message_of(self, task: TaskRef) -> str:
        return encode_message(
            TaskMessage(
                id=task.id, runtime="sd", tasktype="x", owner=task.owner, submission=task.submission, content={}
            )
        )


@pytest.fixture
def bench(world: World) -> Bench:
    return Bench(world)


def envelope(message: dict[str, Any]) -> str:
    return json.dumps(
        {
            "Type": "Notification",
            "MessageId": "sns-1",
            "Timestamp": "2027-01-15T07:00:00.000Z",
            "Message": json.dumps(message),
        }
    )


@pytest.mark.parametrize(
    "attributes",
    [{}, {"status": "running", "claim": "c", "lease_until": LAPSED}],
    ids=["queued", "expired lease"],
)
def test_a_task_without_a_live_lease_fails(bench: Bench, attributes: dict[str, Any]) -> None:
    task = bench.world.submit("t", **attributes)
    assert bench.end(bench.message_of(task)) is Outcome.GIVEN_UP
    record = bench.world.record(task)
    assert record is not None
    assert (record[table.STATUS], json.loads(str(record[table.ERROR]))["code"]) == ("failed", "dead_lettered")
    assert table.OPEN not in record
    assert bench.s3.objects == {}


@pytest.mark.parametrize("lease_until", [LIVE, LAPSED + 1], ids=["valid", "expired, but not by every clock"])
def test_a_task_with_a_live_lease_stays(bench: Bench, lease_until: int) -> None:
    task = bench.world.submit("t", status="running", claim="c", lease_until=lease_until)
    before = bench.world.record(task)
    assert bench.end(bench.message_of(task)) is Outcome.LEASED
    assert bench.world.record(task) == before


def test_a_task_that_stayed_is_given_up_when_its_lease_expires(bench: Bench) -> None:
    task = bench.world.submit("t", status="running", claim="c", lease_until=LIVE)
    assert bench.end(bench.message_of(task)) is Outcome.LEASED
    bench.now_ms = LIVE + 2_001
    assert bench.end(bench.message_of(task)) is Outcome.GIVEN_UP


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.FAILED, Status.CANCELLED])
def test_the_message_of_an_ended_task_is_deleted_and_the_task_unchanged(bench: Bench, status: Status) -> None:
    task = bench.world.submit("t", status=status)
    before = bench.world.record(task)
    assert bench.end(bench.message_of(task)) is Outcome.ENDED
    assert bench.world.record(task) == before
    assert bench.order == []


def test_a_message_whose_record_does_not_exist_is_deleted_and_creates_none(bench: Bench) -> None:
    assert bench.end(bench.message_of(TaskRef(owner="o", id="t", submission="S"))) is Outcome.UNKNOWN_TASK
    assert (bench.world.items(), bench.order) == ([], [])


def test_a_claim_between_read_and_write_keeps_the_task(bench: Bench) -> None:
    task = bench.world.submit("t")
    read = bench.world.records.read

    def read_then_claimed(key: Item) -> Item | None:
        found = read(key)
        bench.world.submit("t", status="running", claim="c", lease_until=LIVE)
        return found

    bench.world.records.read = read_then_claimed  # type: ignore[method-assign] # the moment that is tested
    assert bench.end(bench.message_of(task)) is Outcome.LEASED
    assert bench.order == ["write"]


@pytest.mark.parametrize("body", [json.dumps(DIRECT), envelope(DIRECT)], ids=["raw", "in an envelope"])
def test_a_message_without_submission_is_quarantined_then_its_task_fails(bench: Bench, body: str) -> None:
    assert bench.end(body) is Outcome.GIVEN_UP
    assert bench.order == ["quarantine", "write"]
    assert bench.s3.objects == {"parked/sd-dead/m-1": body.encode()}
    (record,) = bench.world.items()
    assert (record[table.STATUS], record[table.RUNTIME], record[table.ID]) == ("failed", "sd", "a direct ü")
    assert record[table.PK] == "T#-#a%20direct%20%C3%BC"


def test_a_message_without_submission_is_one_task_when_it_is_received_again(bench: Bench) -> None:
    assert [bench.end(envelope(DIRECT)) for _ in range(2)] == [Outcome.GIVEN_UP, Outcome.ENDED]
    assert len(bench.world.items()) == 1


def test_a_message_that_is_not_stored_is_quarantined_then_its_task_fails(bench: Bench) -> None:
    task = bench.world.submit("t", body=False)
    assert bench.end(bench.message_of(task)) is Outcome.GIVEN_UP
    assert bench.order == ["quarantine", "write"]


@pytest.mark.parametrize(
    "body",
    ["no JSON", '{"metadata": {}}', '{"metadata": {"id": "t"}, "content": ' + "[" * 5000 + "]" * 5000 + "}"],
    ids=["no JSON", "no id", "deep"],
)
def test_a_message_that_cannot_be_decoded_is_quarantined(bench: Bench, body: str) -> None:
    assert bench.end(body) is Outcome.QUARANTINED
    assert bench.s3.objects == {"parked/sd-dead/m-1": body.encode()}


def test_a_message_whose_key_is_invalid_is_quarantined(bench: Bench) -> None:
    # moto accepts any key; DynamoDB accepts 2,048 bytes.
    def fail(_key: Item) -> Item | None:
        raise client_error("ValidationException", "GetItem")

    bench.world.records.read = fail  # type: ignore[assignment,method-assign] # an error of the table
    assert bench.end(bench.message_of(TaskRef(owner="o" * 3000, id="t", submission="S"))) is Outcome.QUARANTINED


def test_fails_when_the_table_returns_a_temporary_error(bench: Bench) -> None:
    def fail(_key: Item) -> Item | None:
        raise client_error("ProvisionedThroughputExceededException", "GetItem")

    bench.world.records.read = fail  # type: ignore[assignment,method-assign] # an error of the table
    with pytest.raises(ClientError, match="ProvisionedThroughputExceededException"):
        bench.end(bench.message_of(TaskRef(owner="o", id="t", submission="S")))
    assert bench.s3.objects == {}


def test_fails_when_a_message_cannot_be_quarantined_and_leaves_its_task_open(bench: Bench) -> None:
    bench.s3.is_down = True
    with pytest.raises(ClientError, match="SlowDown"):
        bench.end(envelope(DIRECT))
    assert bench.world.items() == []
