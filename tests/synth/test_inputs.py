"""Input URLs: permissions of the agents, and CORS for uploads from browsers."""

import json
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest

from sd_on_eks.config.loader import parse_config
from tests.synth.synthesis import Synthesis, synthesis

pytestmark = pytest.mark.xdist_group("synth")

CONFIG = """
APIGW: {cors: {allowOrigins: [https://a.example.com]}}
inputBucketArns: ["arn:aws:s3:::studio-inputs"]
modelsRuntime:
- {name: sd, type: sdwebui, dynamicModel: true}
"""


@pytest.fixture(scope="module")
def linked(synth_app: Callable[[], cdk.App]) -> Synthesis:
    return synthesis(parse_config(CONFIG, "config.yaml"), synth_app())


@pytest.fixture(scope="module")
def plain(synth_app: Callable[[], cdk.App]) -> Synthesis:
    return synthesis(
        parse_config("modelsRuntime: [{name: sd, type: sdwebui, dynamicModel: true}]", "config.yaml"), synth_app()
    )


def statements_about(made: Synthesis, text: str) -> list[dict[str, Any]]:
    return [
        statement
        for role in made.of_type("AWS::IAM::Role").values()
        for policy in role["Properties"].get("Policies", ())
        for statement in policy["PolicyDocument"]["Statement"]
        if text in json.dumps(statement["Resource"])
    ]


def test_agents_can_only_read_input_buckets(linked: Synthesis, plain: Synthesis) -> None:
    (statement,) = statements_about(linked, "studio-inputs")
    assert (statement["Effect"], statement["Action"]) == ("Allow", "s3:GetObject")
    assert statement["Resource"] == "arn:aws:s3:::studio-inputs/*"
    assert statements_about(plain, "-inputs") == []


def test_an_agent_and_the_task_api_know_the_same_buckets(linked: Synthesis, plain: Synthesis) -> None:
    for made, names in ((linked, "studio-inputs"), (plain, "")):
        (handler,) = [
            one["Properties"]["Environment"]["Variables"]
            for name, one in made.of_type("AWS::Lambda::Function").items()
            if name.startswith("TaskApiHandler")
        ]
        (deployment,) = [one for one in made.objects if one["kind"] == "Deployment"]
        environment = {
            one["name"]: one.get("value") for one in deployment["spec"]["template"]["spec"]["containers"][0]["env"]
        }
        assert (handler.get("INPUT_BUCKETS", ""), environment["INPUT_BUCKETS"]) == (names, names)


def test_web_pages_that_can_call_the_api_can_use_its_urls(linked: Synthesis, plain: Synthesis) -> None:
    def rules(made: Synthesis) -> dict[str, Any]:
        return {
            name: one["Properties"]["CorsConfiguration"]["CorsRules"]
            for name, one in made.of_type("AWS::S3::Bucket").items()
            if "CorsConfiguration" in one["Properties"]
        }

    assert rules(plain) == {}
    ((name, (rule,)),) = rules(linked).items()
    assert name.startswith("StorageOutputBucket")
    assert (rule["AllowedOrigins"], rule["AllowedMethods"]) == (["https://a.example.com"], ["GET", "PUT"])
