"""How many resources there are: CloudFormation takes 500, and each runtime adds some."""

from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import assertions

# Ids that can never change: another id is another resource, and a replaced cluster is a lost one.
STATEFUL = {
    "AWS::EKS::Cluster": ["ClusterEksDFE81F1F"],
    "AWS::EC2::VPC": ["NetworkVpc7FB7348F"],
}


def _runtimes(count: int) -> dict[str, Any]:
    return {"modelsRuntime": [{"name": f"runtime-{number}", "type": "sdwebui"} for number in range(count)]}


@pytest.fixture(scope="module")
def base(cluster_stack: Callable[[dict[str, Any]], cdk.Stack]) -> dict[str, Any]:
    found: dict[str, Any] = assertions.Template.from_stack(cluster_stack({})).to_json()["Resources"]
    return found


def test_inventory_of_the_base_leaves_room(base: dict[str, Any]) -> None:
    assert len(base) <= 100


@pytest.fixture(scope="module")
def many(cluster_stack: Callable[[dict[str, Any]], cdk.Stack]) -> dict[str, Any]:
    return dict(assertions.Template.from_stack(cluster_stack(_runtimes(30))).to_json())


def test_inventory_grows_by_two_a_runtime_and_a_policy(base: dict[str, Any], many: dict[str, Any]) -> None:
    assert len(many["Resources"]) - len(base) == 30 * 2 + 1  # the policy: KEDA's, with all queues


@pytest.mark.parametrize("resource_type", STATEFUL)
def test_inventory_ids_of_what_must_not_be_replaced_are_pinned(
    template: assertions.Template, resource_type: str
) -> None:
    assert list(template.find_resources(resource_type)) == STATEFUL[resource_type]
