"""The whole stack: its resources, what must never change, and that the serverless subset is a part of it, unchanged."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import assertions

from sd_on_eks.config.config import Config
from sd_on_eks.config.loader import parse_config
from stacks.sd_on_eks_stack import CONSTRUCT_ID, SdOnEKSStack

pytestmark = pytest.mark.xdist_group("synth")

DEFAULT = (Path(__file__).parents[2] / "config.yaml").read_text()
Resources = dict[str, dict[str, Any]]

SERVERLESS_TYPES = (
    "AWS::ApiGateway::",
    "AWS::DynamoDB::",
    "AWS::Lambda::",
    "AWS::S3::",
    "AWS::SNS::",
    "AWS::SQS::",
)
ONLY_IN_THE_FULL_STACK = {
    # Karpenter's interruption queue: its only readers and writers are in the EKS platform.
    "KarpenterInterruption",
    # The library's functions that run kubectl and Helm against the cluster.
    "ClusterEksKubectlProvider",
    "ClusterKubectlLayer",
    # The library's function that empties the VPC's default security group.
    "CustomVpcRestrictDefaultSG",
}
"""Beginnings of ids of serverless types that the serverless subset omits, each with its reason."""


@pytest.fixture(scope="session")
def synthesize(synth_app: Callable[[], cdk.App]) -> Callable[..., dict[str, Any]]:
    def make(config: Config, *, serverless_only: bool = False) -> dict[str, Any]:
        stack = SdOnEKSStack(synth_app(), CONSTRUCT_ID, config=config, serverless_only=serverless_only)
        return dict(assertions.Template.from_stack(stack).to_json())

    return make


@pytest.fixture(scope="session")
def full(synthesize: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    return synthesize(parse_config(DEFAULT, "config.yaml"))


@pytest.fixture(scope="session")
def part(synthesize: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    return synthesize(parse_config(DEFAULT, "config.yaml"), serverless_only=True)


def left_out(full: Resources, part: Resources) -> set[str]:
    """Serverless resources of the full stack that the serverless subset lacks, except for the exceptions."""
    return {
        logical_id
        for logical_id, resource in full.items()
        if resource["Type"].startswith(SERVERLESS_TYPES)
        and logical_id not in part
        and not logical_id.startswith(tuple(ONLY_IN_THE_FULL_STACK))
    }


def test_serverless_subset_is_an_unchanged_part_of_the_full_stack(full: dict[str, Any], part: dict[str, Any]) -> None:
    whole = full["Resources"]
    changed = [name for name, resource in part["Resources"].items() if whole.get(name) != resource]
    assert changed == []


def test_serverless_subset_omits_no_serverless_resource(full: dict[str, Any], part: dict[str, Any]) -> None:
    assert left_out(full["Resources"], part["Resources"]) == set()


def test_a_function_that_the_serverless_subset_omits_would_be_found(full: dict[str, Any], part: dict[str, Any]) -> None:
    function = next(name for name, one in part["Resources"].items() if one["Type"] == "AWS::Lambda::Function")
    without = {name: one for name, one in part["Resources"].items() if name != function}
    assert left_out(full["Resources"], without) == {function}


@pytest.mark.parametrize("exception", sorted(ONLY_IN_THE_FULL_STACK))
def test_every_exception_is_still_needed(exception: str, full: dict[str, Any], part: dict[str, Any]) -> None:
    assert any(name.startswith(exception) for name in full["Resources"])
    assert not any(name.startswith(exception) for name in part["Resources"])


def test_ids_do_not_depend_on_the_stacks_name(synthesize: Callable[..., dict[str, Any]], part: dict[str, Any]) -> None:
    renamed = synthesize(parse_config(DEFAULT.replace("SdOnEKSStack", "Other"), "x"), serverless_only=True)
    assert renamed["Resources"].keys() == part["Resources"].keys()


def test_outputs_have_their_documented_names(full: dict[str, Any]) -> None:
    assert full["Outputs"].keys() == {
        "FrontApiEndpoint",
        "GetAPIKeyCommand",
        "OutputS3Bucket",
        "sdNotificationOutputArn",
        "AlarmTopicArn",
        "ConfigCommand",
        "ClusterName",
        "ModelBucket",
    }


def test_the_rate_limit_changes_the_usage_plan_and_nothing_else(
    synthesize: Callable[..., dict[str, Any]], full: dict[str, Any]
) -> None:
    changed = synthesize(parse_config(DEFAULT.replace("rateLimit: 30", "rateLimit: 31"), "x"))
    different = [name for name, one in changed["Resources"].items() if full["Resources"].get(name) != one]
    assert [full["Resources"][name]["Type"] for name in different] == ["AWS::ApiGateway::UsagePlan"]
    assert {**changed, "Resources": None} == {**full, "Resources": None}


def test_gateway_responses_are_those_of_the_contract(full: dict[str, Any]) -> None:
    answers = {
        one["Properties"]["ResponseType"]: one["Properties"]
        for one in full["Resources"].values()
        if one["Type"] == "AWS::ApiGateway::GatewayResponse"
    }
    assert answers["INVALID_API_KEY"]["StatusCode"] == "401"
    assert answers["MISSING_AUTHENTICATION_TOKEN"]["StatusCode"] == "404"
    assert answers["THROTTLED"]["StatusCode"] == "429"
    for answer in answers.values():
        text = answer["ResponseTemplates"]["application/json"]
        body = json.loads(text.replace("$context.error.messageString", '"x"'))
        assert body["error"].keys() == {"code", "message", "request_id"}


def test_every_method_requires_a_key(full: dict[str, Any]) -> None:
    methods = [one for one in full["Resources"].values() if one["Type"] == "AWS::ApiGateway::Method"]
    assert methods
    assert all(method["Properties"]["ApiKeyRequired"] for method in methods)


def test_every_queue_has_a_dead_letter_queue_and_its_retention_is_longer(full: dict[str, Any]) -> None:
    queues = {
        name: one["Properties"]
        for name, one in full["Resources"].items()
        if one["Type"] == "AWS::SQS::Queue" and name.startswith("Runtimes")
    }
    main = {name: queue for name, queue in queues.items() if "RedrivePolicy" in queue}
    assert len(main) == 2
    for queue in main.values():
        dead = queues[queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]]
        assert dead["MessageRetentionPeriod"] > queue["MessageRetentionPeriod"]


def test_every_runtime_receives_only_its_own_messages(full: dict[str, Any]) -> None:
    filters = [
        one["Properties"]["FilterPolicy"]
        for one in full["Resources"].values()
        if one["Type"] == "AWS::SNS::Subscription"
    ]
    assert sorted(filters, key=str) == [{"runtime": ["comfyui"]}, {"runtime": ["sdruntime"]}]


def test_template_contains_no_account_and_no_region(full: dict[str, Any]) -> None:
    text = json.dumps(full)
    assert "us-east-1" not in text
    assert "000000000000" not in text


def test_data_is_retained_unless_configured_otherwise(
    synthesize: Callable[..., dict[str, Any]], part: dict[str, Any]
) -> None:
    def policies(template: dict[str, Any]) -> set[str]:
        kinds = {"AWS::S3::Bucket", "AWS::DynamoDB::Table"}
        return {one["DeletionPolicy"] for one in template["Resources"].values() if one["Type"] in kinds}

    assert policies(part) == {"Retain"}
    destroyed = synthesize(parse_config(DEFAULT + "\nremovalPolicy: destroy\n", "x"), serverless_only=True)
    assert policies(destroyed) == {"Delete"}


def test_no_role_has_a_full_access_policy(full: dict[str, Any]) -> None:
    assert "FullAccess" not in json.dumps(full)
