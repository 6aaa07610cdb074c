import json
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import assertions


@pytest.fixture(scope="module")
def charts(resources: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {
        resource["Properties"]["Release"]: resource["Properties"]
        for resource in resources.values()
        if resource["Type"] == "Custom::AWSCDK-EKS-HelmChart"
    }


def test_karpenter_charts_are_pinned_and_waited_for(charts: dict[str, dict[str, Any]]) -> None:
    for name in ("karpenter-crd", "karpenter"):
        assert charts[name]["Repository"] == f"oci://public.ecr.aws/karpenter/{name}"
        assert charts[name]["Version"] == "1.14.1"
        assert charts[name]["Namespace"] == "kube-system"
        assert charts[name]["Wait"] is True


def test_karpenter_knows_cluster_queue_and_region_without_metadata(
    charts: dict[str, dict[str, Any]], fill: Callable[[object], str]
) -> None:
    values = json.loads(fill(charts["karpenter"]["Values"]))
    assert values["settings"]["clusterName"] == "SdOnEKSStack"
    assert values["settings"]["interruptionQueue"].startswith("karpenterinterruptionqueue")
    assert values["controller"]["env"] == [{"name": "AWS_REGION", "value": "us-east-1"}]


@pytest.mark.parametrize(("system_nodes", "replicas"), [(1, 1), (2, 2), (3, 2)])
def test_karpenter_has_no_more_replicas_than_nodes(
    cluster_stack: Callable[[dict[str, Any]], cdk.Stack],
    fill: Callable[[object], str],
    system_nodes: int,
    replicas: int,
) -> None:
    stack = cluster_stack({"clusterComponents": {"desiredCount": system_nodes}})
    charts = assertions.Template.from_stack(stack).find_resources(
        "Custom::AWSCDK-EKS-HelmChart", {"Properties": {"Release": "karpenter"}}
    )
    (chart,) = charts.values()
    assert json.loads(fill(chart["Properties"]["Values"]))["replicas"] == replicas


def test_karpenter_role_goes_to_the_controller_s_service_account(template: assertions.Template) -> None:
    template.has_resource_properties(
        "AWS::EKS::PodIdentityAssociation", {"Namespace": "kube-system", "ServiceAccount": "karpenter"}
    )


def test_interruption_queue_is_short_encrypted_and_tls_only(template: assertions.Template) -> None:
    template.has_resource_properties("AWS::SQS::Queue", {"MessageRetentionPeriod": 300, "SqsManagedSseEnabled": True})
    template.has_resource_properties(
        "AWS::SQS::QueuePolicy",
        {
            "PolicyDocument": {
                "Statement": assertions.Match.array_with(
                    [
                        assertions.Match.object_like(
                            {"Effect": "Deny", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
                        )
                    ]
                )
            }
        },
    )


def test_interruption_rules_are_the_five_that_karpenter_understands(resources: dict[str, dict[str, Any]]) -> None:
    patterns = [
        (*resource["Properties"]["EventPattern"]["source"], *resource["Properties"]["EventPattern"]["detail-type"])
        for resource in resources.values()
        if resource["Type"] == "AWS::Events::Rule"
    ]
    assert sorted(patterns) == [
        ("aws.ec2", "EC2 Capacity Reservation Instance Interruption Warning"),
        ("aws.ec2", "EC2 Instance Rebalance Recommendation"),
        ("aws.ec2", "EC2 Instance State-change Notification"),
        ("aws.ec2", "EC2 Spot Instance Interruption Warning"),
        ("aws.health", "AWS Health Event"),
    ]


def test_karpenter_nodes_have_a_separate_role_and_access_entry(resources: dict[str, dict[str, Any]]) -> None:
    (entry,) = [
        resource["Properties"]
        for resource in resources.values()
        if resource["Type"] == "AWS::EKS::AccessEntry" and resource["Properties"].get("Type") == "EC2_LINUX"
    ]
    managed = {
        resource["Properties"]["NodeRole"]["Fn::GetAtt"][0]
        for resource in resources.values()
        if resource["Type"] == "AWS::EKS::Nodegroup"
    }
    role = entry["PrincipalArn"]["Fn::GetAtt"][0]
    assert role not in managed
    (profile,) = [
        resource["Properties"] for resource in resources.values() if resource["Type"] == "AWS::IAM::InstanceProfile"
    ]
    assert profile["Roles"] == [{"Ref": role}]
