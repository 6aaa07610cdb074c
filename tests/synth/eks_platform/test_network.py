import json
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
from aws_cdk import assertions


def test_network_has_two_zones_and_one_nat_gateway(template: assertions.Template) -> None:
    template.resource_count_is("AWS::EC2::Subnet", 4)
    template.resource_count_is("AWS::EC2::NatGateway", 1)


def test_network_has_gateway_endpoints_for_s3_and_dynamodb(resources: dict[str, dict[str, Any]]) -> None:
    services = {
        json.dumps(resource["Properties"]["ServiceName"])
        for resource in resources.values()
        if resource["Type"] == "AWS::EC2::VPCEndpoint" and resource["Properties"]["VpcEndpointType"] == "Gateway"
    }
    assert sorted(service.rpartition(".")[2].strip('"]}') for service in services) == ["dynamodb", "s3"]


def test_network_flow_log_group_has_retention(template: assertions.Template) -> None:
    template.has_resource_properties("AWS::EC2::FlowLog", {"ResourceType": "VPC", "TrafficType": "ALL"})
    template.has_resource_properties("AWS::Logs::LogGroup", {"LogGroupName": assertions.Match.absent()})


def test_network_tags_only_private_subnets_for_karpenter(resources: dict[str, dict[str, Any]]) -> None:
    tags = {
        logical_id: {tag["Key"]: tag["Value"] for tag in resource["Properties"]["Tags"]}
        for logical_id, resource in resources.items()
        if resource["Type"] == "AWS::EC2::Subnet"
    }
    marked = {logical_id for logical_id, of_subnet in tags.items() if "karpenter.sh/discovery" in of_subnet}
    assert marked == {logical_id for logical_id in tags if "Private" in logical_id}
    assert {tags[logical_id]["karpenter.sh/discovery"] for logical_id in marked} == {"SdOnEKSStack"}


def test_network_uses_the_zones_by_name_without_a_lookup(
    cluster_stack: Callable[[dict[str, Any]], cdk.Stack],
) -> None:
    stack = cluster_stack({"availabilityZones": ["us-east-1b", "us-east-1d"]})
    template = assertions.Template.from_stack(stack)
    zones = {
        subnet["Properties"]["AvailabilityZone"] for subnet in template.find_resources("AWS::EC2::Subnet").values()
    }
    assert zones == {"us-east-1b", "us-east-1d"}
