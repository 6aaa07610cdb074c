"""Faults during a task: no task is lost, and every task ends. With the deployed resources."""

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from task_record import table
from task_record.attribute_values import from_attribute_values, to_attribute_values
from task_record.identifiers import new_submission
from task_record.message import TaskMessage, encode_message
from task_record.table import Item
from task_record.transitions import TaskRef

pytestmark = pytest.mark.xdist_group("local_stack")

HOUR_MS = 3_600_000
ROOT = Path(__file__).parents[2]
SCHEMA_1 = ROOT / "tests" / "fixtures" / "schema-1"


class Operator:
    """The actions of an operator with all permissions."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.deployment = client.stack.deployment
        emulator = client.stack.emulator
        self.dynamodb, self.s3, self.sns, self.sqs = (
            emulator.dynamodb(),
            emulator.s3(),
            emulator.sns(),
            emulator.sqs(),
        )
        self.iam, self.lambdas = (emulator.client(name) for name in ("iam", "lambda"))

    def physical(self, logical_id: str) -> str:
        """Physical id of the resource whose logical id is this name and a hash."""
        (found,) = [
            name
            for logical, name in self.deployment.resources.items()
            if logical.startswith(logical_id) and len(logical) == len(logical_id) + 8
        ]
        return str(found)

    @property
    def input_topic(self) -> str:
        return self.physical("TaskBusInputTopic")

    def put(self, task: TaskRef, **attributes: str | int) -> None:
        """Write a record that was queued an hour ago."""
        now_ms = time.time_ns() // 1_000_000
        record: Item = {
            **task.key,
            table.OWNER: task.owner,
            table.ID: task.id,
            table.SUBMISSION: task.submission,
            table.STATUS: "queued",
            table.OPEN: 1,
            table.ATTEMPTS: 0,
            table.RUNTIME: "sd",
            table.SCHEMA_VERSION: 1,
            table.SUBMITTED_AT: now_ms - HOUR_MS,
            table.EXPIRES_AT: now_ms + HOUR_MS,
            **attributes,
        }
        self.dynamodb.put_item(TableName=self.deployment.table_name, Item=to_attribute_values(record))

    def record(self, task: TaskRef) -> Item:
        found = self.dynamodb.get_item(
            TableName=self.deployment.table_name, Key=to_attribute_values(task.key), ConsistentRead=True
        )
        return from_attribute_values(found["Item"])

    def error_of(self, task: TaskRef) -> str | None:
        error = self.record(task).get(table.ERROR)
        return None if error is None else json.loads(str(error))["code"]

    def reconcile(self) -> dict[str, int]:
        answer = self.lambdas.invoke(FunctionName=self.physical("TaskRecoveryReconcilerFunction"), Payload=b"{}")
        found = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, found
        return dict(found)

    def last_result(self, function: str, source: str = "") -> str:
        """The result of the last batch of an event source mapping, from the emulator."""
        mappings = self.lambdas.list_event_source_mappings(FunctionName=self.physical(function))["EventSourceMappings"]
        (found,) = [one for one in mappings if one["EventSourceArn"].endswith(source)]
        return str(found.get("LastProcessingResult"))

    def remove_stored_objects(self) -> None:
        for bucket, prefix in ((self.deployment.output_bucket, "parked/"), (self.deployment.failure_bucket, "")):
            for key in self.keys(bucket, prefix):
                self.s3.delete_object(Bucket=bucket, Key=key)

    def keys(self, bucket: str, prefix: str) -> list[str]:
        return [one["Key"] for one in self.s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])]


@pytest.fixture(scope="module")
def everything(client: Any) -> Operator:
    return Operator(client)


@pytest.fixture
def operator(everything: Operator) -> Iterator[Operator]:
    everything.remove_stored_objects()
    yield everything
    # Other tests check the objects that they store.
    everything.remove_stored_objects()


def a_task(*, ago_ms: int = HOUR_MS) -> TaskRef:
    now_ms = time.time_ns() // 1_000_000
    return TaskRef(owner="-", id=f"r-{uuid.uuid4().hex[:12]}", submission=new_submission(now_ms - ago_ms))


def message_of(task: TaskRef) -> str:
    return encode_message(
        TaskMessage(
            id=task.id,
            runtime="sd",
            tasktype="text-to-image",
            owner=task.owner,
            submission=task.submission,
            content={"prompt": "x", "width": 64, "height": 64},
        )
    )


@contextmanager
def without(permission: str, role: str, operator: Operator) -> Iterator[None]:
    """Remove a permission from a role, to simulate an outage of the service."""
    denied = {"Statement": [{"Effect": "Deny", "Action": permission, "Resource": "*"}]}
    operator.iam.put_role_policy(RoleName=role, PolicyName="Outage", PolicyDocument=json.dumps(denied))
    try:
        yield
    finally:
        operator.iam.delete_role_policy(RoleName=role, PolicyName="Outage")


@contextmanager
def without_subscription(runtime: str, operator: Operator) -> Iterator[None]:
    """Remove the subscription of a runtime's queue, and create it again afterwards."""
    queue = operator.deployment.runtimes[runtime].queue_url.rpartition("/")[2]
    listed = operator.sns.list_subscriptions_by_topic(TopicArn=operator.input_topic)["Subscriptions"]
    (found,) = [one for one in listed if one["Endpoint"].endswith(f":{queue}")]
    attributes = operator.sns.get_subscription_attributes(SubscriptionArn=found["SubscriptionArn"])["Attributes"]
    operator.sns.unsubscribe(SubscriptionArn=found["SubscriptionArn"])
    try:
        yield
    finally:
        operator.sns.subscribe(
            TopicArn=operator.input_topic,
            Protocol="sqs",
            Endpoint=found["Endpoint"],
            Attributes={name: attributes[name] for name in ("FilterPolicy", "RedrivePolicy")},
        )


def ended(operator: Operator, task: TaskRef) -> dict[str, Any]:
    """The only callback of a task, when it was published."""
    (callback,) = operator.client.until(lambda: operator.client.callbacks_of(task.id))
    assert callback["submission"] == task.submission
    return dict(callback)


@pytest.mark.parametrize(
    ("role", "function"),
    [("TaskBusRelayRole", "TaskBusRelayFunction"), ("TaskBusNotifierRole", "TaskBusNotifierFunction")],
    ids=["relay", "notifier"],
)
def test_nothing_is_lost_while_sns_is_down(client: Any, operator: Operator, role: str, function: str) -> None:
    with without("sns:Publish", operator.physical(role), operator):
        answers = [client.submit({"prompt": "x", "width": 64, "height": 64}) for _ in range(3)]
        client.until(lambda: operator.last_result(function).startswith("FAILED"))
        assert all(client.callbacks_of(answer["id"]) == [] for answer in answers)
    for answer in answers:
        assert client.wait(answer["id"])["status"] == "completed"
        (callback,) = client.until(lambda task_id=answer["id"]: client.callbacks_of(task_id))
        assert (callback["status"], callback["submission"]) == ("completed", answer["submission"])


def test_a_task_whose_subscription_was_removed_is_completed_once_it_is_restored(
    client: Any, operator: Operator
) -> None:
    with without_subscription("sd", operator):
        answer = client.submit({"prompt": "x", "width": 64, "height": 64})
        # The stream is ordered: when this task has ended, the relay has published the other one.
        graph = {"9": {"class_type": "SaveImage", "inputs": {"images": ["5", 0]}}}
        graph["5"] = {
            "class_type": "EmptyImage",
            "inputs": {"width": 64, "height": 64, "seed": uuid.uuid4().int % 2**32},
        }
        client.wait(client.submit(graph, runtime="comfy", tasktype="pipeline")["id"])
    assert client.request("GET", f"v1alpha2/tasks/{answer['id']}")[1]["status"] == "queued"
    runs = [operator.reconcile().get("Republished", 0) for _ in range(3)]
    assert runs[-1] == 1
    task = client.wait(answer["id"])
    assert (task["status"], task["attempts"]) == ("completed", 1)


def test_a_dead_lettered_task_stays_while_an_agent_has_its_lease(operator: Operator) -> None:
    task, now_ms = a_task(), time.time_ns() // 1_000_000
    operator.put(task, status="running", claim="c", attempts=1, lease_until=now_ms + HOUR_MS)
    held = operator.record(task)
    queue = operator.deployment.runtimes["sd"].dead_letter_queue_url
    before = operator.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["VisibilityTimeout"])["Attributes"]
    operator.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "1"})
    try:
        operator.sqs.send_message(QueueUrl=queue, MessageBody=message_of(task))
        name = queue.rpartition("/")[2]
        operator.client.until(
            lambda: "1 partial" in operator.last_result("TaskRecoveryDeadLetterFunction", source=f":{name}")
        )
        assert operator.record(task) == held
        # The agent dies, and its lease expires.
        operator.put(task, status="running", claim="c", attempts=1, lease_until=now_ms - HOUR_MS)
        operator.client.until(lambda: operator.error_of(task) == "dead_lettered")
        callback = ended(operator, task)
        assert (callback["status"], callback["error"]["code"]) == ("failed", "dead_lettered")
        # This is the only copy of the message.
        (key,) = operator.keys(operator.deployment.output_bucket, f"parked/{name}/")
        quarantined = operator.s3.get_object(Bucket=operator.deployment.output_bucket, Key=key)["Body"].read()
        assert quarantined.decode() == message_of(task)
    finally:
        operator.sqs.set_queue_attributes(QueueUrl=queue, Attributes=before)


def test_a_dead_letter_that_cannot_be_decoded_is_quarantined_and_does_not_stop_the_others(operator: Operator) -> None:
    task = a_task()
    operator.put(task)
    queue = operator.deployment.runtimes["sd"].dead_letter_queue_url
    operator.sqs.send_message(QueueUrl=queue, MessageBody="no JSON at all")
    operator.sqs.send_message(QueueUrl=queue, MessageBody=message_of(task))
    operator.client.until(lambda: operator.error_of(task) == "dead_lettered")
    name = queue.rpartition("/")[2]
    operator.client.until(lambda: len(operator.keys(operator.deployment.output_bucket, f"parked/{name}/")) == 2)


def test_stranded_tasks_fail_and_have_a_callback(operator: Operator) -> None:
    of_removed, overdue = a_task(), a_task()
    operator.put(of_removed, runtime="removed")
    operator.put(overdue, expires_at=time.time_ns() // 1_000_000 - 1)
    counts = operator.reconcile()
    assert (counts["RuntimeGone"], counts["Expired"]) == (1, 1)
    for task, code in ((of_removed, "runtime_gone"), (overdue, "expired")):
        callback = ended(operator, task)
        assert (callback["status"], callback["error"]["code"]) == ("failed", code)


def test_a_poison_record_is_stored_and_does_not_stop_the_others(client: Any, operator: Operator) -> None:
    poison = {**table.body_key("-", "poison", new_submission(0)), table.RUNTIME: "sd", table.MESSAGE: ""}
    operator.dynamodb.put_item(TableName=operator.deployment.table_name, Item=to_attribute_values(poison))
    answer = client.submit({"prompt": "x", "width": 64, "height": 64})
    assert client.wait(answer["id"])["status"] == "completed"
    (key,) = operator.keys(operator.deployment.failure_bucket, "relay/")
    kept = json.loads(operator.s3.get_object(Bucket=operator.deployment.failure_bucket, Key=key)["Body"].read())
    assert kept["reason"] == "the item has no message or no runtime"


def resend(client: Any, *arguments: str) -> tuple[int, list[tuple[str, str]]]:
    """Run scripts/resend.py; returns its exit status and the outcome of each object."""
    done = subprocess.run(  # noqa: S603 (a constant command)
        [
            sys.executable,
            ROOT / "scripts" / "resend.py",
            client.stack.deployment.stack_name,
            "--json",
            *arguments,
        ],
        env={**client.stack.environment(), "PATH": os.defpath},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout, done.stderr
    return done.returncode, [(one["key"], one["outcome"]) for one in json.loads(done.stdout)]


def test_stored_records_are_sent_again_when_the_cause_is_fixed(client: Any, operator: Operator) -> None:
    bucket, task, poison = operator.deployment.failure_bucket, a_task(), a_task()
    operator.put(task)

    def change(name: str, item: Item) -> dict[str, Any]:
        return {"eventID": name, "eventName": "INSERT", "dynamodb": {"NewImage": to_attribute_values(item)}}

    stored: Item = {**table.body_key("-", task.id, task.submission), table.RUNTIME: "sd"}
    records = {
        "relay/fixed.json": change("fixed", {**stored, table.MESSAGE: message_of(task)}),
        "relay/poison.json": change("poison", {**table.body_key("-", poison.id, "S"), table.RUNTIME: "sd"}),
    }
    for key, record in records.items():
        operator.s3.put_object(Bucket=bucket, Key=key, Body=json.dumps({"reason": "x", "record": record}).encode())
    assert resend(client, "--dry-run") == (0, [(key, "found") for key in records])
    assert resend(client) == (1, [("relay/fixed.json", "sent"), ("relay/poison.json", "kept")])
    assert operator.keys(bucket, "") == ["relay/poison.json"]
    callback = ended(operator, task)
    assert callback["status"] == "completed"

    # A batch that Lambda could not process: an identical callback is published again.
    operator.s3.delete_object(Bucket=bucket, Key="relay/poison.json")
    ended_record, notifier = change("ended", operator.record(task)), operator.physical("TaskBusNotifierFunction")
    batch = {
        "requestContext": {
            "functionArn": f"arn:aws:lambda:us-east-1:000000000000:function:{notifier}",
            "condition": "RetryAttemptsExhausted",
        },
        "payload": json.dumps({"Records": [ended_record]}),
    }
    operator.s3.put_object(Bucket=bucket, Key="aws/lambda/m/s/x", Body=json.dumps(batch).encode())
    assert resend(client) == (0, [("aws/lambda/m/s/x", "sent")])
    again = client.until(lambda: client.callbacks_of(task.id)[1:])
    assert again == [callback]


def rebased(name: str, task: TaskRef, **changes: str | int) -> Item:
    """A recorded item of version 1, as another task of the current time."""
    text = (SCHEMA_1 / f"{name}.json").read_text()
    for old, new in (("a-task", task.id), ("01MCC5RM00000000000000000A", task.submission), ("key1", task.owner)):
        text = text.replace(old, new)
    item: Item = json.loads(text)
    return {**item, **changes}


def test_a_task_that_version_1_stored_is_completed_with_unknown_attributes(client: Any, operator: Operator) -> None:
    now_ms = time.time_ns() // 1_000_000
    key_id = operator.deployment.resources["defaultAPIKey"]
    task = TaskRef(owner=key_id, id=f"v1-{uuid.uuid4().hex[:12]}", submission=new_submission(now_ms))
    body = rebased("body", task, extra="x", ttl=now_ms // 1000 + 3600)
    message = json.loads(str(body[table.MESSAGE]))
    message["extra"] = message["task"]["extra"] = message["task"]["metadata"]["extra"] = {"n": [1.5]}
    body[table.MESSAGE] = json.dumps(message)
    record = rebased("record-queued", task, extra="x", submitted_at=now_ms, expires_at=now_ms + HOUR_MS)
    for item in (record, body):
        operator.dynamodb.put_item(TableName=operator.deployment.table_name, Item=to_attribute_values(item))
    shown = client.wait(task.id)
    assert (shown["status"], shown["context"]) == ("completed", {"user": 1.5})
    callback = ended(operator, task)
    assert (callback["status"], callback["context"]) == ("completed", {"user": 1.5})
    assert operator.record(task)["extra"] == "x"


def test_a_task_of_a_later_version_fails_with_its_reason(operator: Operator) -> None:
    now_ms = time.time_ns() // 1_000_000
    task = a_task(ago_ms=0)
    message = json.loads(message_of(task))
    message["task"]["metadata"]["schema_version"] = 2
    operator.put(task, submitted_at=now_ms)
    operator.sns.publish(
        TopicArn=operator.input_topic,
        Message=json.dumps(message),
        MessageAttributes={"runtime": {"DataType": "String", "StringValue": "sd"}},
    )
    callback = ended(operator, task)
    assert (callback["status"], callback["error"]["code"]) == ("failed", "bad_message")
    assert "schema_version must be at most 1, got 2" in callback["error"]["message"]


@pytest.mark.parametrize(
    "submit",
    [
        lambda client, _: client.submit({"prompt": "x", "width": 64, "height": 64}, context={"a": 1}, prefix="a/b"),
        lambda client, noise: client.submit({"prompt": "x", "init_images": [noise]}, tasktype="image-to-image"),
    ],
    ids=["inline", "offloaded"],
)
def test_items_of_the_current_api_are_read_by_version_1(
    client: Any, operator: Operator, noise: str, submit: Callable[[Any, str], dict[str, Any]]
) -> None:
    answer = submit(client, noise)
    items = operator.dynamodb.query(
        TableName=operator.deployment.table_name,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": f"T#{operator.deployment.resources['defaultAPIKey']}#{answer['id']}"}},
    )["Items"]
    body, record = (from_attribute_values(item) for item in items)
    message = json.loads(str(body[table.MESSAGE]))
    for name, value in (("record", record), ("body", body), ("message", message)):
        Draft202012Validator(json.loads((SCHEMA_1 / f"{name}.schema.json").read_text())).validate(value)
    assert client.wait(answer["id"])["status"] == "completed"
