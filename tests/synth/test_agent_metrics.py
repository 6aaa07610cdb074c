"""The agents' metrics: one log group for all agents, with separate log streams for each runtime."""

import json
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest

from sd_on_eks.config.loader import parse_config
from tests.synth.role_rights import AGENT, kind_of
from tests.synth.synthesis import Synthesis, synthesis

pytestmark = pytest.mark.xdist_group("synth")


@pytest.fixture(scope="module")
def made(synth_app: Callable[[], cdk.App]) -> Synthesis:
    text = "modelsRuntime: [{name: sd, type: sdwebui, dynamicModel: true}, {name: sd-2, type: comfyui}]"
    return synthesis(parse_config(text, "config.yaml"), synth_app())


def log_group(made: Synthesis) -> str:
    (found,) = [name for name in made.of_type("AWS::Logs::LogGroup") if name.startswith("AgentMetrics")]
    return found


def test_log_group_is_retained_for_a_month_and_deleted_with_the_stack(made: Synthesis) -> None:
    group = made.resources[log_group(made)]
    assert (group["Properties"]["RetentionInDays"], group["DeletionPolicy"]) == (30, "Delete")


def test_agents_can_write_only_the_streams_of_their_runtime(made: Synthesis) -> None:
    places: dict[str, Any] = {}
    for name, role in made.of_type("AWS::IAM::Role").items():
        if kind_of(name) == AGENT:
            (statement,) = [
                one
                for one in role["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
                if one["Sid"] == "Metrics"
            ]
            assert statement["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]
            (_, parts) = statement["Resource"]["Fn::Join"]
            assert {"Ref": log_group(made)} in parts
            places[role["Properties"]["Description"].rpartition(" ")[2]] = parts[-1]
    assert places == {"sd": ":log-stream:sd/*", "sd-2": ":log-stream:sd-2/*"}


def test_agents_get_the_log_group_and_the_namespace_of_the_stack(made: Synthesis) -> None:
    manifests = made.of_type("Custom::AWSCDK-EKS-KubernetesResource")
    texts = [json.dumps(one["Properties"]["Manifest"]) for one in manifests.values() if "SQS_QUEUE_URL" in str(one)]
    assert len(texts) == 2
    for text in texts:
        _, _, rest = text.partition("METRICS_LOG_GROUP")
        group, _, namespace = rest.partition("METRICS_NAMESPACE")
        assert f'{{"Ref": "{log_group(made)}"}}' in group
        assert "SdOnEks/" in namespace.partition('{"Ref": "AWS::StackName"}')[0]
