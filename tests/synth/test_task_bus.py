"""Relay and notifier as deployed: their event sources, permissions and failure destinations."""

import json
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import assertions
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_s3 as s3

from sd_on_eks.task_bus.construct import TaskBus

pytestmark = pytest.mark.xdist_group("synth")

STREAM = "arn:aws:dynamodb:eu-west-1:111122223333:table/tasks/stream/2027-01-15T08:00:00.000"


def synthesize(app: cdk.App, *, notify_running: bool) -> dict[str, dict[str, Any]]:
    stack = cdk.Stack(app, "Bus")
    TaskBus(
        stack,
        "TaskBus",
        table=dynamodb.Table.from_table_attributes(
            stack, "Table", table_arn=STREAM.partition("/stream")[0], table_stream_arn=STREAM
        ),
        failure_bucket=s3.Bucket.from_bucket_name(stack, "Failures", "failures"),
        output_bucket=s3.Bucket.from_bucket_name(stack, "Output", "output"),
        notify_running=notify_running,
    )
    return dict(assertions.Template.from_stack(stack).to_json()["Resources"])


@pytest.fixture(scope="module")
def resources(synth_app: Callable[[], cdk.App]) -> dict[str, dict[str, Any]]:
    return synthesize(synth_app(), notify_running=False)


def mappings(resources: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [one["Properties"] for one in resources.values() if one["Type"] == "AWS::Lambda::EventSourceMapping"]


def filters(resources: dict[str, dict[str, Any]]) -> str:
    return "".join(mapping["FilterCriteria"]["Filters"][0]["Pattern"] for mapping in mappings(resources))


def test_two_functions_read_the_stream_and_never_a_third(resources: dict[str, dict[str, Any]]) -> None:
    assert [mapping["EventSourceArn"] for mapping in mappings(resources)] == [STREAM, STREAM]


def test_a_batch_is_halved_and_kept_after_twelve_hours_however_often_it_failed(
    resources: dict[str, dict[str, Any]],
) -> None:
    for mapping in mappings(resources):
        assert mapping["BisectBatchOnFunctionError"] is True
        assert mapping["MaximumRecordAgeInSeconds"] == 12 * 3600
        assert "MaximumRetryAttempts" not in mapping
        assert "failures" in str(mapping["DestinationConfig"]["OnFailure"]["Destination"])
        # Only SQS's mappings report single records.
        assert "FunctionResponseTypes" not in mapping


def test_each_reads_its_own_items_alone(resources: dict[str, dict[str, Any]]) -> None:
    relay, notifier = (
        json.loads(one["Pattern"]) for mapping in mappings(resources) for one in mapping["FilterCriteria"]["Filters"]
    )
    assert relay == {"eventName": ["INSERT"], "dynamodb": {"Keys": {"sk": {"S": [{"prefix": "B#"}]}}}}
    assert notifier == {
        "eventName": ["INSERT", "MODIFY"],
        "dynamodb": {
            "Keys": {"sk": {"S": [{"prefix": "S#"}]}},
            "NewImage": {"status": {"S": ["cancelled", "completed", "failed"]}},
        },
    }


def test_claims_are_read_only_if_configured(
    resources: dict[str, dict[str, Any]], synth_app: Callable[[], cdk.App]
) -> None:
    assert '"running"' not in filters(resources)
    assert '"running"' in filters(synthesize(synth_app(), notify_running=True))


def test_each_can_publish_only_to_its_own_topic(resources: dict[str, dict[str, Any]]) -> None:
    published = {
        name.partition("RoleDefaultPolicy")[0]: statement["Resource"]["Ref"]
        for name, one in resources.items()
        if one["Type"] == "AWS::IAM::Policy"
        for statement in one["Properties"]["PolicyDocument"]["Statement"]
        if statement["Action"] == "sns:Publish"
    }
    assert {name: topic[:-8] for name, topic in published.items()} == {
        "TaskBusRelay": "TaskBusInputTopic",
        "TaskBusNotifier": "TaskBusOutputTopic",
    }
