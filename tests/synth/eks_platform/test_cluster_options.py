"""The effect of each option of network, cluster and registries."""

import json
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import assertions

Synthesize = Callable[[dict[str, Any]], assertions.Template]

SUBNETS = [
    {
        "subnetId": f"subnet-0123456789abcdef{number}",
        "availabilityZone": f"us-east-1{zone}",
        "routeTableId": f"rtb-0123456789abcdef{number}",
    }
    for number, zone in enumerate("ab")
]
GROUP = "sg-0123456789abcdef0"
REGISTRIES = {"charts": "oci://registry.example.com/charts", "images": "registry.example.com/mirror"}


def _existing(**further: object) -> dict[str, Any]:
    return {"network": {"existingVpc": {"vpcId": "vpc-0123456789abcdef0", "privateSubnets": SUBNETS} | further}}


@pytest.fixture
def synthesize(cluster_stack: Callable[[dict[str, Any]], cdk.Stack]) -> Synthesize:
    return lambda config: assertions.Template.from_stack(cluster_stack(config))


def _values(template: assertions.Template, release: str, fill: Callable[[object], str]) -> dict[str, Any]:
    charts = template.find_resources("Custom::AWSCDK-EKS-HelmChart", {"Properties": {"Release": release}})
    (chart,) = charts.values()
    values: dict[str, Any] = json.loads(fill(chart["Properties"]["Values"]))
    return values


def test_one_nat_gateway_a_zone(synthesize: Synthesize) -> None:
    synthesize({"network": {"natGateways": "onePerZone"}}).resource_count_is("AWS::EC2::NatGateway", 2)


def test_without_nat_gateways_the_stack_makes_the_endpoints_that_the_cluster_needs(
    synthesize: Synthesize, fill: Callable[[object], str]
) -> None:
    template = synthesize({"network": {"natGateways": "none"}, "registries": REGISTRIES})
    template.resource_count_is("AWS::EC2::NatGateway", 0)
    template.resource_count_is("AWS::EC2::InternetGateway", 0)
    endpoints = template.find_resources("AWS::EC2::VPCEndpoint").values()
    services = {fill(one["Properties"]["ServiceName"]).removeprefix("com.amazonaws.us-east-1.") for one in endpoints}
    assert services == {
        *("lambda", "eks", "eks-auth", "sts", "ec2", "ecr.api", "ecr.dkr", "sqs", "sns", "logs", "ssm"),
        *("dynamodb", "s3"),
    }
    assert _values(template, "karpenter", fill)["settings"]["isolatedVPC"] is True


def test_network_of_another_size(synthesize: Synthesize) -> None:
    template = synthesize({"network": {"cidr": "10.20.0.0/18"}})
    template.has_resource_properties("AWS::EC2::VPC", {"CidrBlock": "10.20.0.0/18"})
    sizes = [one["Properties"]["CidrBlock"] for one in template.find_resources("AWS::EC2::Subnet").values()]
    assert sorted(size.rpartition("/")[2] for size in sizes) == ["20", "20", "24", "24"]


def test_flow_logs_can_be_disabled(synthesize: Synthesize) -> None:
    template = synthesize({"network": {"flowLogs": False}})
    template.resource_count_is("AWS::EC2::FlowLog", 0)


def test_existing_vpc_is_not_changed(synthesize: Synthesize) -> None:
    template = synthesize(_existing())
    for kind in ("VPC", "Subnet", "NatGateway", "RouteTable", "VPCEndpoint", "FlowLog", "InternetGateway"):
        template.resource_count_is(f"AWS::EC2::{kind}", 0)


def test_existing_vpc_s_subnets_hold_cluster_and_nodes(
    synthesize: Synthesize, objects_of: Callable[[dict[str, Any]], dict[tuple[str, str], dict[str, Any]]]
) -> None:
    config = _existing() | {"modelsRuntime": [{"name": "sd", "type": "sdwebui", "dynamicModel": True}]}
    ids = [subnet["subnetId"] for subnet in SUBNETS]
    template = synthesize(config)
    template.has_resource_properties("AWS::EKS::Cluster", {"ResourcesVpcConfig": {"SubnetIds": ids}})
    template.has_resource_properties("AWS::EKS::Nodegroup", {"Subnets": ids})
    node_class = objects_of(config)["EC2NodeClass", "sd"]
    assert node_class["spec"]["subnetSelectorTerms"] == [{"id": one} for one in ids]


def test_existing_security_groups_are_added_to_control_plane_and_nodes(
    synthesize: Synthesize, objects_of: Callable[[dict[str, Any]], dict[tuple[str, str], dict[str, Any]]]
) -> None:
    config = _existing(securityGroupIds=[GROUP]) | {
        "modelsRuntime": [{"name": "sd", "type": "sdwebui", "dynamicModel": True}]
    }
    template = synthesize(config)
    (cluster,) = template.find_resources("AWS::EKS::Cluster").values()
    groups = cluster["Properties"]["ResourcesVpcConfig"]["SecurityGroupIds"]
    assert len(groups) == 2
    assert groups[1] == GROUP
    (launch,) = template.find_resources("AWS::EC2::LaunchTemplate").values()
    of_nodes = launch["Properties"]["LaunchTemplateData"]["SecurityGroupIds"]
    assert [of_nodes[0]["Fn::GetAtt"][1], of_nodes[1]] == ["ClusterSecurityGroupId", GROUP]
    terms = objects_of(config)["EC2NodeClass", "sd"]["spec"]["securityGroupSelectorTerms"]
    assert len(terms) == 2
    assert terms[1] == {"id": GROUP}


def test_existing_vpc_gets_endpoints_if_configured(synthesize: Synthesize) -> None:
    template = synthesize(_existing(gatewayEndpoints=True, interfaceEndpoints=True))
    endpoints = [one["Properties"] for one in template.find_resources("AWS::EC2::VPCEndpoint").values()]
    gateways = [one for one in endpoints if one["VpcEndpointType"] == "Gateway"]
    assert [one["RouteTableIds"] for one in gateways] == [[subnet["routeTableId"] for subnet in SUBNETS]] * 2
    assert len(endpoints) == 2 + 11


def test_private_endpoint_alone(synthesize: Synthesize) -> None:
    template = synthesize({"cluster": {"endpointAccess": "private"}})
    template.has_resource_properties(
        "AWS::EKS::Cluster",
        {"ResourcesVpcConfig": {"EndpointPublicAccess": False, "EndpointPrivateAccess": True}},
    )


def test_public_endpoint_for_some_networks(synthesize: Synthesize) -> None:
    template = synthesize({"cluster": {"publicAccessCidrs": ["203.0.113.0/24"]}})
    template.has_resource_properties(
        "AWS::EKS::Cluster",
        {"ResourcesVpcConfig": {"EndpointPublicAccess": True, "PublicAccessCidrs": ["203.0.113.0/24"]}},
    )


def test_configured_administrators_replace_the_stack_s_role(synthesize: Synthesize) -> None:
    arns = ["arn:aws:iam::111122223333:role/platform", "arn:aws:iam::111122223333:role/oncall"]
    template = synthesize({"cluster": {"adminRoleArns": arns}})
    principals = [
        one["Properties"]["PrincipalArn"] for one in template.find_resources("AWS::EKS::AccessEntry").values()
    ]
    assert [principal for principal in principals if isinstance(principal, str)] == arns
    roles = template.find_resources(
        "AWS::IAM::Role", {"Properties": {"Description": assertions.Match.string_like_regexp("^Administrator")}}
    )
    assert roles == {}


def test_kms_key_of_the_stack_encrypts_secrets_and_rotates(synthesize: Synthesize) -> None:
    template = synthesize({"cluster": {"ownSecretsKey": True}})
    template.has_resource_properties("AWS::KMS::Key", {"EnableKeyRotation": True})
    template.has_resource_properties("AWS::EKS::Cluster", {"EncryptionConfig": [{"Resources": ["secrets"]}]})


def _addons(template: assertions.Template) -> dict[str, dict[str, Any]]:
    return {one["Properties"]["AddonName"]: dict(one) for one in template.find_resources("AWS::EKS::Addon").values()}


def test_observability_brings_the_addon_its_rights_and_its_log_groups(synthesize: Synthesize) -> None:
    template = synthesize({"cluster": {"observability": True}})
    addon = _addons(template)["amazon-cloudwatch-observability"]
    (association,) = addon["Properties"]["PodIdentityAssociations"]
    assert association["ServiceAccount"] == "cloudwatch-agent"
    groups = template.find_resources("AWS::Logs::LogGroup")
    insights = {
        logical_id: one["Properties"]
        for logical_id, one in groups.items()
        if str(one["Properties"].get("LogGroupName")).startswith("/aws/containerinsights/SdOnEKSStack/")
    }
    names = {one["LogGroupName"].rpartition("/")[2] for one in insights.values()}
    assert names == {"application", "dataplane", "host", "performance"}
    assert {one["RetentionInDays"] for one in insights.values()} == {30}
    assert insights.keys() <= set(addon["DependsOn"])


def test_node_monitoring_and_repair(synthesize: Synthesize, fill: Callable[[object], str]) -> None:
    template = synthesize({"cluster": {"nodeMonitoring": True, "nodeRepair": True}})
    assert "eks-node-monitoring-agent" in _addons(template)
    assert _values(template, "karpenter", fill)["settings"]["featureGates"] == {"nodeRepair": True}


@pytest.mark.parametrize(("version", "proxy"), [("1.34", "v1.34."), ("1.35", "v1.35.")])
def test_cluster_s_version_brings_its_addons_versions(synthesize: Synthesize, version: str, proxy: str) -> None:
    template = synthesize({"cluster": {"version": version}})
    template.has_resource_properties("AWS::EKS::Cluster", {"Version": version})
    assert _addons(template)["kube-proxy"]["Properties"]["AddonVersion"].startswith(proxy)


def test_configured_registries_provide_charts_and_their_images(
    synthesize: Synthesize, fill: Callable[[object], str]
) -> None:
    template = synthesize({"registries": REGISTRIES})
    charts = {
        one["Properties"]["Release"]: one["Properties"]
        for one in template.find_resources("Custom::AWSCDK-EKS-HelmChart").values()
    }
    assert {name: chart["Repository"] for name, chart in charts.items()} == {
        name: f"oci://registry.example.com/charts/{name}" for name in ("karpenter", "karpenter-crd", "keda")
    }
    karpenter = _values(template, "karpenter", fill)
    assert karpenter["controller"]["image"] == {"repository": "registry.example.com/mirror/karpenter/controller"}
    assert _values(template, "keda", fill)["global"] == {"image": {"registry": "registry.example.com/mirror"}}


def test_gpu_node_group_of_spot_nodes(synthesize: Synthesize) -> None:
    template = synthesize({"gpuNodeGroups": [{"name": "warm", "capacityType": "spot"}]})
    template.has_resource_properties("AWS::EKS::Nodegroup", {"CapacityType": "SPOT"})


def test_model_driver_reads_the_buckets_of_all_runtimes(synthesize: Synthesize, fill: Callable[[object], str]) -> None:
    own = {"extraValues": {"runtime": {"persistence": {"modelBucketArn": "arn:aws:s3:::own-models"}}}}
    template = synthesize({"modelsRuntime": [{"name": "sd", "type": "sdwebui", "dynamicModel": True} | own]})
    roles = template.find_resources(
        "AWS::IAM::Role",
        {"Properties": {"Description": assertions.Match.string_like_regexp("reads the model buckets$")}},
    )
    (role,) = roles.values()
    (policy,) = role["Properties"]["Policies"]
    resources = {
        statement["Sid"]: sorted(fill(arn) for arn in statement["Resource"])
        for statement in policy["PolicyDocument"]["Statement"]
    }
    assert resources == {
        "List": ["arn:aws:s3:::models", "arn:aws:s3:::own-models"],
        "Read": ["arn:aws:s3:::models/*", "arn:aws:s3:::own-models/*"],
    }
