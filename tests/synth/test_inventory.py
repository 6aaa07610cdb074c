"""The number of resources, of which CloudFormation allows 500, and their logical IDs."""

import re
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import aws_cdk as cdk
import pytest
from syrupy.assertion import SnapshotAssertion

from sd_on_eks.config.errors import ConfigError
from sd_on_eks.config.loader import parse_config
from tests.synth.synthesis import Resources, Synthesis, synthesis

pytestmark = pytest.mark.xdist_group("synth")

Make = Callable[[str], Synthesis]

CONFIG = Path(__file__).parents[2] / "config.yaml"

STATEFUL_IDS = {
    "StorageAccessLogBucket76E80A12": "AWS::S3::Bucket",
    "StorageFailureBucketD1A12917": "AWS::S3::Bucket",
    "StorageModelBucket83DEC8C9": "AWS::S3::Bucket",
    "StorageOutputBucketCD2EEB3A": "AWS::S3::Bucket",
    "TaskTable95FE7720": "AWS::DynamoDB::Table",
    "TaskBusInputTopic4C544176": "AWS::SNS::Topic",
    "TaskBusOutputTopic56429263": "AWS::SNS::Topic",
    "TaskApiRestApi0EB5AD1F": "AWS::ApiGateway::RestApi",
    "defaultAPIKey": "AWS::ApiGateway::ApiKey",
    "RuntimessdruntimeRuntimeQueue5EF39234": "AWS::SQS::Queue",
    "RuntimessdruntimeRuntimeQueueDeadLetterQueue2F4ADB54": "AWS::SQS::Queue",
    "NetworkVpc7FB7348F": "AWS::EC2::VPC",
    "ClusterEksDFE81F1F": "AWS::EKS::Cluster",
}
"""Logical IDs of resources with data or with names that callers use: a changed ID creates a new, empty resource."""

_MANY = 30


@pytest.fixture(scope="module")
def make(synth_app: Callable[[], cdk.App]) -> Make:
    return lambda text: synthesis(parse_config(text, "config.yaml"), synth_app())


@pytest.fixture(scope="module")
def default(make: Make) -> Synthesis:
    return make(CONFIG.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def many(make: Make) -> Synthesis:
    return make(runtimes(_MANY))


def runtimes(count: int, *, namespaces: int = 1, more: str = "") -> str:
    """A number of runtimes in a number of namespaces."""
    lines = [
        f"- {{name: runtime-{number}, type: sdwebui, dynamicModel: true, namespace: team-{number % namespaces}}}\n"
        for number in range(count)
    ]
    return f"{more}\nmodelsRuntime:\n{''.join(lines)}"


def inventory(resources: Resources) -> str:
    """Type, count and sorted ids, a line each."""
    ids: defaultdict[str, list[str]] = defaultdict(list)
    for name, one in resources.items():
        # The logical IDs of resources that are replaced at each change end with a hash of their content.
        ids[one["Type"]].append(re.sub("[0-9a-f]{32}$", "<hash>", name))
    lines = [[f"{kind}: {len(names)}", *(f"  {name}" for name in sorted(names))] for kind, names in sorted(ids.items())]
    return "\n".join(line for part in lines for line in part)


def test_resources_of_the_default_configuration_are_those_that_were_reviewed(
    default: Synthesis, snapshot: SnapshotAssertion
) -> None:
    # When they change for a reason: `.venv/bin/python -m pytest tests/synth/test_inventory.py --snapshot-update`.
    assert inventory(default.resources) == snapshot


@pytest.mark.parametrize(("logical_id", "kind"), sorted(STATEFUL_IDS.items()))
def test_id_of_a_stateful_resource_stays(default: Synthesis, logical_id: str, kind: str) -> None:
    assert default.resources[logical_id]["Type"] == kind


def test_stack_without_runtimes_leaves_room_for_them(make: Make) -> None:
    assert len(make("stackName: Base").resources) <= 190


def test_a_further_runtime_adds_at_most_nine_resources(make: Make) -> None:
    one, two = (len(make(runtimes(count)).resources) for count in (1, 2))
    assert two - one <= 9


def test_thirty_runtimes_in_a_namespace_leave_room_for_node_groups(many: Synthesis) -> None:
    assert len(many.resources) <= 470


def test_thirty_runtimes_make_a_template_of_at_most_900_kilobytes(many: Synthesis) -> None:
    assert len(many.text.encode()) <= 900_000


def test_each_further_namespace_adds_one_resource(make: Make, many: Synthesis) -> None:
    spread = make(runtimes(_MANY, namespaces=_MANY))
    assert len(spread.resources) == len(many.resources) + _MANY - 1


def test_largest_configuration_that_is_accepted_makes_at_most_500_resources(make: Make) -> None:
    groups = "gpuNodeGroups: [{}]".format(", ".join(f"{{name: group-{number}}}" for number in range(12)))
    assert len(make(runtimes(_MANY, namespaces=_MANY, more=groups)).resources) == 500
    with pytest.raises(ConfigError, match="must have at most 500 resources, the CloudFormation limit, got up to 502"):
        make(runtimes(_MANY, namespaces=_MANY, more=groups.replace("[{", "[{name: one-more}, {")))
