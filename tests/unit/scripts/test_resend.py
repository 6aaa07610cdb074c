"""scripts/resend.py: which objects are sent and deleted, which stay, and what is printed."""

import io
import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, NoCredentialsError

import resend

RECORD = {"eventID": "e1", "eventName": "INSERT", "dynamodb": {}}
BATCH_KEY = "aws/lambda/3f6b/shardId-1/2027/01/15/2027-01-15T08.00.00-1c2d"


def refusal(code: str, message: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Operation")


class Cloud:
    """A stack, its failure bucket and its two functions."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.invoked: list[tuple[str, list[str]]] = []
        self.answer: Callable[[str], dict[str, Any]] = lambda _event_id: {"Sent": 1}
        self.stack_error: Exception | None = None

    def client(self, _service: str, **_settings: Any) -> "Cloud":
        return self

    def get_paginator(self, operation: str) -> Any:
        cloud = self

        class Paginator:
            def paginate(self, **_parameters: Any) -> list[dict[str, Any]]:
                if operation == "list_objects_v2":
                    return [{"Contents": [{"Key": key} for key in sorted(cloud.objects)]}, {}]
                if cloud.stack_error is not None:
                    raise cloud.stack_error
                return [
                    {
                        "StackResourceSummaries": [
                            {"LogicalResourceId": name, "PhysicalResourceId": f"the-{name}", "ResourceType": kind}
                            for name, kind in (
                                ("StorageFailureBucketD1A12917", "AWS::S3::Bucket"),
                                ("StorageFailureBucketPolicy1234", "AWS::S3::BucketPolicy"),
                                ("TaskBusRelayFunctionABCD", "AWS::Lambda::Function"),
                                ("TaskBusNotifierFunctionABCD", "AWS::Lambda::Function"),
                            )
                        ]
                    }
                ]

        return Paginator()

    def get_object(self, **parameters: Any) -> dict[str, Any]:
        if parameters["Key"] not in self.objects:
            raise refusal("NoSuchKey")
        return {"Body": io.BytesIO(self.objects[parameters["Key"]])}

    def delete_object(self, **parameters: Any) -> None:
        assert parameters["Bucket"] == "the-StorageFailureBucketD1A12917"
        del self.objects[parameters["Key"]]

    def invoke(self, **parameters: Any) -> dict[str, Any]:
        ids = [record["eventID"] for record in json.loads(parameters["Payload"])["Records"]]
        self.invoked.append((parameters["FunctionName"], ids))
        answer = self.answer(ids[0])
        failed = {"FunctionError": "Unhandled"} if "errorType" in answer else {}
        return {"Payload": io.BytesIO(json.dumps(answer).encode()), **failed}

    def keep(self, key: str, **changes: Any) -> None:
        """Store a record as a handler does."""
        self.objects[key] = json.dumps({"reason": "no runtime", "record": RECORD, **changes}).encode()

    def keep_batch(self, *ids: str, function: str = "the-TaskBusNotifierFunctionABCD", as_text: bool = True) -> None:
        """Store a batch as Lambda does."""
        event = {"Records": [{**RECORD, "eventID": one} for one in ids]}
        content = {
            "requestContext": {
                "functionArn": f"arn:aws:lambda:us-east-1:111122223333:function:{function}",
                "condition": "RetryAttemptsExhausted",
            },
            "DDBStreamBatchInfo": {"batchSize": len(ids)},
            "payload": json.dumps(event) if as_text else event,
        }
        self.objects[BATCH_KEY] = json.dumps(content).encode()


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Cloud:
    cloud = Cloud()
    monkeypatch.setattr(boto3, "client", cloud.client)
    return cloud


def outcomes(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    status = resend.main(["SomeStack", "--json", *arguments])
    return status, json.loads(capsys.readouterr().out)


def test_a_record_of_a_handler_is_sent_and_deleted(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    cloud.keep("relay/e1.json")
    status, (outcome,) = outcomes(capsys)
    assert (status, cloud.objects) == (0, {})
    assert cloud.invoked == [("the-TaskBusRelayFunctionABCD", ["e1"])]
    assert outcome == {"key": "relay/e1.json", "handler": "relay", "records": 1, "outcome": "sent", "reason": ""}


def test_a_dry_run_lists_the_objects_and_changes_nothing(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    cloud.keep("notifier/e1.json")
    cloud.keep_batch("a", "b")
    before = dict(cloud.objects)
    status, found = outcomes(capsys, "--dry-run")
    assert (status, cloud.objects, cloud.invoked) == (0, before, [])
    assert [(one["handler"], one["records"], one["outcome"], one["reason"]) for one in found] == [
        ("notifier", 2, "found", "RetryAttemptsExhausted"),
        ("notifier", 1, "found", "no runtime"),
    ]


@pytest.mark.parametrize("as_text", [True, False])
def test_a_batch_of_lambda_is_sent_record_by_record(
    cloud: Cloud, capsys: pytest.CaptureFixture[str], as_text: bool
) -> None:
    cloud.keep_batch("a", "b", as_text=as_text)
    status, (outcome,) = outcomes(capsys)
    assert (status, outcome["outcome"], cloud.objects) == (0, "sent", {})
    assert cloud.invoked == [("the-TaskBusNotifierFunctionABCD", [one]) for one in ("a", "b")]


def test_a_batch_of_an_alias_is_sent(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    cloud.keep_batch("a", function="the-TaskBusRelayFunctionABCD:live")
    _, (outcome,) = outcomes(capsys)
    assert (outcome["handler"], outcome["outcome"]) == ("relay", "sent")


def test_a_record_that_cannot_be_sent_stays_and_the_others_are_sent(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud.keep("relay/bad.json", record={**RECORD, "eventID": "bad"})
    cloud.keep("relay/down.json", record={**RECORD, "eventID": "down"})
    cloud.keep("relay/good.json", record={**RECORD, "eventID": "good"})
    answers: dict[str, dict[str, Any]] = {
        "bad": {"Poison": 1},
        "down": {"errorType": "BatchNotDoneError", "errorMessage": "1 of 1 records"},
        "good": {"Sent": 1},
    }
    cloud.answer = answers.__getitem__
    status, found = outcomes(capsys)
    assert status == 1
    assert sorted(cloud.objects) == ["relay/bad.json", "relay/down.json"]
    assert [(one["outcome"], one["reason"]) for one in found] == [
        ("kept", "no runtime"),
        ("kept", "BatchNotDoneError: 1 of 1 records"),
        ("sent", ""),
    ]


def test_a_batch_is_deleted_when_every_record_is_sent_or_stored_again(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud.keep_batch("a", "down")
    cloud.answer = lambda event_id: {"errorType": "X", "errorMessage": "y"} if event_id == "down" else {"Sent": 1}
    assert outcomes(capsys)[0] == 1
    assert list(cloud.objects) == [BATCH_KEY]
    # The handler stores the record under a key of its own.
    cloud.answer = lambda event_id: {"Poison": 1} if event_id == "down" else {"Sent": 1}
    assert outcomes(capsys)[0] == 0
    assert cloud.objects == {}


@pytest.mark.parametrize(
    ("key", "body", "reason"),
    [
        ("relay/x.json", b"\xff", "is not an object of a handler or of Lambda"),
        ("relay/x.json", b"[]", "is not an object of a handler or of Lambda"),
        (
            "stranger/x.json",
            b'{"record": {}, "reason": ""}',
            "must be an object of relay or notifier, got one of 'stranger'",
        ),
        ("aws/lambda/x", b"{}", "is not an object of a handler or of Lambda"),
        (
            "aws/lambda/x",
            b'{"requestContext": {"functionArn": "a:b:c:d:e:f:other", "condition": ""}, "payload": "{}"}',
            "is not an object of a handler or of Lambda",
        ),
    ],
)
def test_an_unknown_object_stays_and_the_others_are_sent(
    cloud: Cloud, capsys: pytest.CaptureFixture[str], key: str, body: bytes, reason: str
) -> None:
    cloud.objects[key] = body
    cloud.keep("relay/good.json")
    status, found = outcomes(capsys)
    assert (status, list(cloud.objects)) == (1, [key])
    (kept,) = [one for one in found if one["outcome"] == "kept"]
    assert reason in kept["reason"]


def test_an_object_that_another_run_has_deleted_does_not_stop_the_others(
    cloud: Cloud, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.keep("relay/good.json")
    monkeypatch.setattr(resend.Resend, "keys", lambda _self: ["relay/gone.json", "relay/good.json"])
    status, found = outcomes(capsys)
    assert (status, [one["outcome"] for one in found]) == (1, ["kept", "sent"])


@pytest.mark.usefixtures("cloud")
def test_an_empty_bucket_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    assert resend.main([]) == 0
    assert "the failure bucket is empty" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (refusal("ValidationError", "Stack with id X does not exist"), "there is no stack SomeStack"),
        (refusal("AccessDenied", "not you"), "AWS refuses Operation: not you"),
        (
            refusal("NoSuchBucket", "The specified bucket does not exist"),
            "AWS refuses Operation: The specified bucket does not exist",
        ),
        (NoCredentialsError(), "there are no AWS credentials"),
    ],
)
def test_fails_when_the_stack_cannot_be_read(
    cloud: Cloud, capsys: pytest.CaptureFixture[str], error: Exception, message: str
) -> None:
    cloud.stack_error = error
    assert resend.main(["SomeStack"]) == 1
    assert message in capsys.readouterr().err
