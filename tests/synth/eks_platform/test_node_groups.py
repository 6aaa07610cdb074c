from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import assertions


def test_system_nodes_are_bottlerocket_of_the_instance_s_architecture(
    cluster_stack: Callable[[dict[str, Any]], cdk.Stack], template: assertions.Template
) -> None:
    template.has_resource_properties(
        "AWS::EKS::Nodegroup", {"AmiType": "BOTTLEROCKET_ARM_64", "InstanceTypes": ["t4g.large"]}
    )
    x86 = assertions.Template.from_stack(cluster_stack({"clusterComponents": {"instanceType": "m5.large"}}))
    x86.has_resource_properties("AWS::EKS::Nodegroup", {"AmiType": "BOTTLEROCKET_x86_64"})


def test_system_nodes_are_as_many_as_configured(template: assertions.Template) -> None:
    template.has_resource_properties(
        "AWS::EKS::Nodegroup",
        {"InstanceTypes": ["t4g.large"], "ScalingConfig": {"MinSize": 2, "DesiredSize": 2, "MaxSize": 2}},
    )


def test_gpu_nodes_of_size_0_cost_nothing_and_are_accepted(template: assertions.Template) -> None:
    template.has_resource_properties(
        "AWS::EKS::Nodegroup",
        {"InstanceTypes": ["g5.2xlarge"], "ScalingConfig": {"MinSize": 0, "DesiredSize": 0, "MaxSize": 1}},
    )


def test_gpu_nodes_have_the_nvidia_image_the_taint_and_the_pool(template: assertions.Template) -> None:
    template.has_resource_properties(
        "AWS::EKS::Nodegroup",
        {
            "InstanceTypes": ["g5.2xlarge"],
            "AmiType": "BOTTLEROCKET_x86_64_NVIDIA",
            "Labels": {"pool": "shared"},
            "Taints": [{"Key": "nvidia.com/gpu", "Value": "true", "Effect": "NO_SCHEDULE"}],
        },
    )


def test_node_groups_are_never_named(resources: dict[str, dict[str, Any]]) -> None:
    groups = [resource for resource in resources.values() if resource["Type"] == "AWS::EKS::Nodegroup"]
    assert len(groups) == 2
    assert not [group for group in groups if "NodegroupName" in group["Properties"]]


@pytest.fixture(scope="module")
def launch_templates(resources: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        resource["Properties"]["LaunchTemplateData"]
        for resource in resources.values()
        if resource["Type"] == "AWS::EC2::LaunchTemplate"
    ]


def test_nodes_hide_their_metadata_from_pods(launch_templates: list[dict[str, Any]]) -> None:
    assert len(launch_templates) == 2
    for template in launch_templates:
        assert template["MetadataOptions"] == {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}


def test_nodes_have_encrypted_gp3_volumes(launch_templates: list[dict[str, Any]]) -> None:
    volumes = [mapping["Ebs"] for template in launch_templates for mapping in template["BlockDeviceMappings"]]
    assert len(volumes) == 4
    for volume in volumes:
        assert volume["Encrypted"] is True
        assert volume["VolumeType"] == "gp3"


def test_nodes_have_the_tags_of_the_configuration(cluster_stack: Callable[[dict[str, Any]], cdk.Stack]) -> None:
    tags = {"Name": "gpu", "cost center": "42", "empty": ""}
    groups = [{"name": "warm"}, {"name": "hot"}]
    template = assertions.Template.from_stack(cluster_stack({"tags": tags, "gpuNodeGroups": groups}))
    templates = template.find_resources("AWS::EC2::LaunchTemplate").values()
    assert len(templates) == 3
    for one in templates:
        assert {
            specification["ResourceType"]: {tag["Key"]: tag["Value"] for tag in specification["Tags"]}
            for specification in one["Properties"]["LaunchTemplateData"]["TagSpecifications"]
        } == dict.fromkeys(("instance", "volume", "network-interface"), tags)


def test_nodes_without_tags_in_the_configuration_have_their_name_alone(
    launch_templates: list[dict[str, Any]],
) -> None:
    for template in launch_templates:
        assert [one["ResourceType"] for one in template["TagSpecifications"]] == ["instance", "volume"]
        assert {tag["Key"] for one in template["TagSpecifications"] for tag in one["Tags"]} == {"Name"}


def test_managed_nodes_share_a_role_without_rights_for_pods(resources: dict[str, dict[str, Any]]) -> None:
    roles = {
        resource["Properties"]["NodeRole"]["Fn::GetAtt"][0]
        for resource in resources.values()
        if resource["Type"] == "AWS::EKS::Nodegroup"
    }
    assert len(roles) == 1
    policies = resources[roles.pop()]["Properties"]["ManagedPolicyArns"]
    assert [arn["Fn::Join"][1][-1].rpartition("/")[2] for arn in policies] == [
        "AmazonEKSWorkerNodePolicy",
        "AmazonEC2ContainerRegistryPullOnly",
    ]
