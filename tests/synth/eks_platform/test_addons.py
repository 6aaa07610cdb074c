import json
from typing import Any

import pytest


@pytest.fixture(scope="module")
def addons(resources: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    found = [resource["Properties"] for resource in resources.values() if resource["Type"] == "AWS::EKS::Addon"]
    return {properties["AddonName"]: properties for properties in found}


def test_addons_are_the_six_that_are_needed(addons: dict[str, dict[str, Any]]) -> None:
    assert sorted(addons) == [
        "aws-mountpoint-s3-csi-driver",
        "coredns",
        "eks-pod-identity-agent",
        "kube-proxy",
        "metrics-server",
        "vpc-cni",
    ]


def test_addons_have_pinned_versions_and_win_conflicts(addons: dict[str, dict[str, Any]]) -> None:
    for properties in addons.values():
        assert "-eksbuild." in properties["AddonVersion"]
        assert properties["ResolveConflicts"] == "OVERWRITE"


def test_vpc_cni_enforces_network_policies(addons: dict[str, dict[str, Any]]) -> None:
    assert json.loads(addons["vpc-cni"]["ConfigurationValues"]) == {"enableNetworkPolicy": "true"}


def test_vpc_cni_has_a_separate_role(addons: dict[str, dict[str, Any]]) -> None:
    (association,) = addons["vpc-cni"]["PodIdentityAssociations"]
    assert association["ServiceAccount"] == "aws-node"


def test_mountpoint_driver_tolerates_gpu_nodes(addons: dict[str, dict[str, Any]]) -> None:
    values = json.loads(addons["aws-mountpoint-s3-csi-driver"]["ConfigurationValues"])
    assert values == {"node": {"tolerateAllTaints": True}}


def test_mountpoint_driver_reads_only_the_model_bucket(
    addons: dict[str, dict[str, Any]], resources: dict[str, dict[str, Any]]
) -> None:
    (association,) = addons["aws-mountpoint-s3-csi-driver"]["PodIdentityAssociations"]
    assert association["ServiceAccount"] == "s3-csi-driver-sa"
    role = resources[association["RoleArn"]["Fn::GetAtt"][0]]["Properties"]
    bucket_arn = ["arn:", {"Ref": "AWS::Partition"}, ":s3:::models"]
    assert "ManagedPolicyArns" not in role
    assert [policy["PolicyDocument"]["Statement"] for policy in role["Policies"]] == [
        [
            {
                "Sid": "List",
                "Action": "s3:ListBucket",
                "Effect": "Allow",
                "Resource": {"Fn::Join": ["", bucket_arn]},
            },
            {
                "Sid": "Read",
                "Action": "s3:GetObject",
                "Effect": "Allow",
                "Resource": {"Fn::Join": ["", [*bucket_arn[:-1], ":s3:::models/*"]]},
            },
        ]
    ]


def test_pod_identity_roles_trust_the_service_with_session_tags(resources: dict[str, dict[str, Any]]) -> None:
    trusts = [
        statement
        for resource in resources.values()
        if resource["Type"] == "AWS::IAM::Role"
        for statement in resource["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        if statement["Principal"].get("Service") == "pods.eks.amazonaws.com"
    ]
    assert len(trusts) == 4  # VPC CNI, models, Karpenter, KEDA
    for statement in trusts:
        assert sorted(statement["Action"]) == ["sts:AssumeRole", "sts:TagSession"]
