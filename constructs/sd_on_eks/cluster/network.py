"""The network of the cluster: a new VPC, or an existing one."""

from collections.abc import Sequence
from typing import Final

from aws_cdk import RemovalPolicy, Stack, Tags
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_logs as logs
from constructs import Construct

from sd_on_eks.config.network import ExistingVpc
from sd_on_eks.config.network import Network as NetworkConfig
from sd_on_eks.manifests.ec2_node_class import DISCOVERY_TAG
from sd_on_eks.nag import acknowledge

_ZONES: Final = 2
"""EKS requires subnets in at least two zones; more zones add idle cost without benefit."""

INTERFACE_ENDPOINTS: Final = {
    "Lambda": ec2.InterfaceVpcEndpointAwsService.LAMBDA_,
    "Eks": ec2.InterfaceVpcEndpointAwsService.EKS,
    "EksAuth": ec2.InterfaceVpcEndpointAwsService.EKS_AUTH,
    "Sts": ec2.InterfaceVpcEndpointAwsService.STS,
    "Ec2": ec2.InterfaceVpcEndpointAwsService.EC2,
    "EcrApi": ec2.InterfaceVpcEndpointAwsService.ECR,
    "EcrDocker": ec2.InterfaceVpcEndpointAwsService.ECR_DOCKER,
    "Sqs": ec2.InterfaceVpcEndpointAwsService.SQS,
    "Sns": ec2.InterfaceVpcEndpointAwsService.SNS,
    "Logs": ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS,
    "Ssm": ec2.InterfaceVpcEndpointAwsService.SSM,
}
"""Services that nodes, controllers, agents and the kubectl functions call, in addition to S3 and DynamoDB."""


class Network(Construct):
    """The VPC of the cluster.

    A new VPC has public subnets for the NAT gateway and private subnets for everything else. Models and images are
    transferred through gateway endpoints (S3) and not through the NAT gateway, which is charged per gigabyte. An
    existing VPC is not changed, unless the configuration requests endpoints.

    Args:
        scope: the stack.
        construct_id: `Network`.
        config: the network's configuration.
        cluster_name: the literal name of the cluster.
        availability_zones: names of the zones. Empty: the first two of the Region, which can include a zone where EKS
            does not support control planes (us-east-1e).

    Attributes:
        vpc: the VPC.
        subnets: the private subnets of the control plane and of all nodes.
        subnet_ids: their IDs in an existing VPC, where Karpenter cannot discover them by tag.
        security_groups: additional security groups of the control plane and of all nodes.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: NetworkConfig,
        cluster_name: str,
        availability_zones: Sequence[str] = (),
    ) -> None:
        super().__init__(scope, construct_id)
        self.subnet_ids: tuple[str, ...] = ()
        self.security_groups: tuple[ec2.ISecurityGroup, ...] = ()
        if config.existing_vpc is None:
            self.vpc: ec2.IVpc = self._build_vpc(config, availability_zones)
            for subnet in self.vpc.private_subnets or self.vpc.isolated_subnets:
                Tags.of(subnet).add(DISCOVERY_TAG, cluster_name)
            needs_endpoints = config.nat_gateways == "none"
            cidr = config.cidr
            if config.flow_logs:
                self._build_flow_log()
            else:
                reason = "The configuration disables flow logs, for evaluations where connections are not investigated."
                acknowledge(self.vpc, ["AwsSolutions-VPC7"], reason=reason)
        else:
            existing = config.existing_vpc
            self.vpc = self._import_vpc(existing)
            self.subnet_ids = tuple(subnet.subnet_id for subnet in existing.private_subnets)
            self.security_groups = tuple(
                ec2.SecurityGroup.from_security_group_id(self, f"SecurityGroup{number}", group_id)
                for number, group_id in enumerate(existing.security_group_ids, start=1)
            )
            needs_endpoints = existing.interface_endpoints
            cidr = existing.cidr
            if existing.gateway_endpoints:
                self._build_gateway_endpoints(existing)
        self.subnets: ec2.SubnetSelection = ec2.SubnetSelection(
            subnets=self.vpc.private_subnets or self.vpc.isolated_subnets
        )
        if needs_endpoints:
            self._build_interface_endpoints(cidr)

    def _build_vpc(self, config: NetworkConfig, availability_zones: Sequence[str]) -> ec2.Vpc:
        zones = len(availability_zones) or _ZONES
        has_nat = config.nat_gateways != "none"
        public = ec2.SubnetConfiguration(
            name="Public", subnet_type=ec2.SubnetType.PUBLIC, cidr_mask=24, map_public_ip_on_launch=False
        )
        private_type = ec2.SubnetType.PRIVATE_WITH_EGRESS if has_nat else ec2.SubnetType.PRIVATE_ISOLATED
        # Each pod uses an IP address of the subnet: a quarter of the CIDR block for each of at most three zones.
        prefix = int(config.cidr.rpartition("/")[2]) + 2
        private = ec2.SubnetConfiguration(name="Private", subnet_type=private_type, cidr_mask=prefix)
        return ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=ec2.IpAddresses.cidr(config.cidr),
            # Zones that are named need no lookup in the account, in any environment of the stack.
            availability_zones=list(availability_zones) or None,
            max_azs=None if availability_zones else _ZONES,
            nat_gateways={"one": 1, "onePerZone": zones, "none": 0}[config.nat_gateways],
            subnet_configuration=[public, private] if has_nat else [private],
            gateway_endpoints={
                "S3": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.S3),
                "DynamoDb": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.DYNAMODB),
            },
            restrict_default_security_group=True,
        )

    def _import_vpc(self, existing: ExistingVpc) -> ec2.IVpc:
        subnets = existing.private_subnets
        route_tables = [subnet.route_table_id for subnet in subnets if subnet.route_table_id is not None]
        vpc = ec2.Vpc.from_vpc_attributes(
            self,
            "Vpc",
            vpc_id=existing.vpc_id,
            vpc_cidr_block=existing.cidr,
            availability_zones=[subnet.availability_zone for subnet in subnets],
            private_subnet_ids=[subnet.subnet_id for subnet in subnets],
            private_subnet_route_table_ids=route_tables if len(route_tables) == len(subnets) else None,
        )
        acknowledge(
            vpc,
            ["Annotation::@aws-cdk/aws-ec2:noSubnetRouteTableId"],
            reason="Only gateway endpoints need route tables, and they get them from the configuration.",
        )
        return vpc

    def _build_gateway_endpoints(self, existing: ExistingVpc) -> None:
        stack = Stack.of(self)
        route_tables = sorted({subnet.route_table_id for subnet in existing.private_subnets if subnet.route_table_id})
        for construct_id, service in (("S3", "s3"), ("DynamoDb", "dynamodb")):
            ec2.CfnVPCEndpoint(
                self,
                f"{construct_id}Endpoint",
                vpc_id=existing.vpc_id,
                service_name=f"com.amazonaws.{stack.region}.{service}",
                vpc_endpoint_type="Gateway",
                route_table_ids=route_tables,
            )

    def _build_interface_endpoints(self, cidr: str) -> None:
        group = ec2.SecurityGroup(
            self,
            "EndpointSecurityGroup",
            vpc=self.vpc,
            description="HTTPS from the VPC to the endpoints of AWS services",
            allow_all_outbound=False,
        )
        group.add_ingress_rule(ec2.Peer.ipv4(cidr), ec2.Port.tcp(443), "HTTPS from the VPC")
        for construct_id, service in INTERFACE_ENDPOINTS.items():
            ec2.InterfaceVpcEndpoint(
                self,
                f"{construct_id}Endpoint",
                vpc=self.vpc,
                service=service,
                subnets=self.subnets,
                security_groups=[group],
                open=False,
            )

    def _build_flow_log(self) -> None:
        log_group = logs.LogGroup(
            self, "FlowLogGroup", retention=logs.RetentionDays.ONE_MONTH, removal_policy=RemovalPolicy.DESTROY
        )
        self.vpc.add_flow_log(
            "FlowLog",
            destination=ec2.FlowLogDestination.to_cloud_watch_logs(log_group),
            max_aggregation_interval=ec2.FlowLogMaxAggregationInterval.TEN_MINUTES,
        )
