"""Submit: the transaction of the record, its message and the response to its Idempotency-Key."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from task_record import table
from task_record.attribute_values import from_attribute_values
from task_record.message import TaskMessage, encode_message
from task_record.submission import (
    IDEMPOTENCY_INDEX,
    META_INDEX,
    Idempotency,
    Submission,
    first_attributes,
    task_of_message,
)
from task_record.transitions import TaskRef

NOW = 1_800_000_000_000
MESSAGE = TaskMessage(
    id="a-task",
    runtime="sd",
    tasktype="text-to-image",
    owner="key1",
    submission="01J00000000000000000000000",
    context={"n": 1.5},
    content={"prompt": "a cat"},
)
SUBMISSION = Submission(
    task=TaskRef(owner="key1", id="a-task", submission="01J00000000000000000000000"),
    message=MESSAGE,
    message_text=encode_message(MESSAGE),
    api_key_id="key1",
    submitted_at_ms=NOW,
    expires_at_ms=NOW + 1_000,
    idempotency=Idempotency(header="once", body_hash="abc", answer="{}"),
)


@pytest.fixture
def dynamodb() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("dynamodb", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
        client.create_table(
            TableName="tasks",
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "sk", "AttributeType": "S"},
            ],
        )
        yield client


def stored(dynamodb: Any) -> dict[str, table.Item]:
    items = (from_attribute_values(item) for item in dynamodb.scan(TableName="tasks")["Items"])
    return {str(item[table.SK])[0]: item for item in items}


def reasons(dynamodb: Any, submission: Submission) -> list[dict[str, Any]]:
    with pytest.raises(dynamodb.exceptions.TransactionCanceledException) as refused:
        dynamodb.transact_write_items(**submission.transact_write_items("tasks"))
    found: list[dict[str, Any]] = refused.value.response["CancellationReasons"]
    return found


def test_submission_writes_record_message_and_answer(dynamodb: Any) -> None:
    dynamodb.transact_write_items(**SUBMISSION.transact_write_items("tasks"))
    items = stored(dynamodb)
    assert items["S"] == SUBMISSION.record()
    assert items["B"][table.MESSAGE] == encode_message(MESSAGE)
    assert items["I"][table.ANSWER] == "{}"


def test_record_is_open_queued_and_has_no_ttl() -> None:
    record = SUBMISSION.record()
    assert (record[table.STATUS], record[table.OPEN], record[table.ATTEMPTS]) == ("queued", 1, 0)
    assert record[table.CONTEXT] == '{"n": 1.5}'
    assert table.TTL not in record


def test_submission_repeated_is_refused_with_its_own_record(dynamodb: Any) -> None:
    dynamodb.transact_write_items(**SUBMISSION.transact_write_items("tasks"))
    old = from_attribute_values(reasons(dynamodb, SUBMISSION)[META_INDEX]["Item"])
    assert old[table.SUBMISSION] == SUBMISSION.task.submission


def test_submission_with_a_used_idempotency_key_is_refused_with_the_answer(dynamodb: Any) -> None:
    dynamodb.transact_write_items(**SUBMISSION.transact_write_items("tasks"))
    again = replace(SUBMISSION, task=replace(SUBMISSION.task, submission="01J00000000000000000000001"))
    old = from_attribute_values(reasons(dynamodb, again)[IDEMPOTENCY_INDEX]["Item"])
    assert (old[table.BODY_HASH], old[table.SUBMISSION]) == ("abc", SUBMISSION.task.submission)


def test_an_expired_idempotency_key_counts_as_absent(dynamodb: Any) -> None:
    dynamodb.transact_write_items(**SUBMISSION.transact_write_items("tasks"))
    a_day_later = replace(
        SUBMISSION,
        task=replace(SUBMISSION.task, submission="01J00000000000000000000001"),
        submitted_at_ms=NOW + 24 * 3600 * 1000 + 1_000,
    )
    dynamodb.transact_write_items(**a_day_later.transact_write_items("tasks"))
    assert stored(dynamodb)["I"][table.SUBMISSION] == "01J00000000000000000000001"


def test_a_message_without_submission_is_the_same_task_at_every_delivery() -> None:
    direct = replace(MESSAGE, id="a b", submission=None)
    enveloped = replace(direct, sns_message_id="sns-1", sns_timestamp_ms=NOW)
    first, again, another = (
        task_of_message(message, message_id=message_id, sent_at_ms=NOW)
        for message, message_id in ((enveloped, "m-1"), (enveloped, "m-2"), (direct, "m-2"))
    )
    assert first == again
    assert first != another
    assert (first.owner, first.id) == ("key1", "a%20b")


def test_a_message_with_a_submission_is_that_task() -> None:
    assert task_of_message(MESSAGE, message_id="m-1", sent_at_ms=0) == SUBMISSION.task


def test_first_attributes_keep_the_callers_spelling_and_the_queues_runtime() -> None:
    direct = replace(MESSAGE, id="a b", submission=None, runtime="other")
    task = task_of_message(direct, message_id="m-1", sent_at_ms=NOW)
    item = first_attributes(task, direct, runtime="sd", sent_at_ms=NOW, max_age_ms=1_000)
    assert (item[table.ID], item[table.RUNTIME], item[table.EXPIRES_AT]) == ("a b", "sd", NOW + 1_000)
