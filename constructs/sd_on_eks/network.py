"""The VPC."""

from collections.abc import Sequence
from typing import Final

from aws_cdk import RemovalPolicy, Tags
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_logs as logs
from constructs import Construct

from sd_on_eks.manifests.ec2_node_class import DISCOVERY_TAG

_ZONES: Final = 2
"""EKS wants subnets in at least two zones; each further one would add idle cost for nothing."""


class Network(Construct):
    """A VPC for the cluster: public subnets for the NAT gateway, private ones for everything else.

    Models and images travel through gateway endpoints (S3) and not through the NAT gateway, which bills each gigabyte.

    Args:
        scope: the stack.
        construct_id: `Network`.
        cluster_name: the literal name of the cluster that will live here.
        availability_zones: the zones by name. Empty: the region's first two, which can include one where EKS refuses
            to make a control plane (us-east-1e).

    Attributes:
        vpc: the VPC.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, cluster_name: str, availability_zones: Sequence[str] = ()
    ) -> None:
        super().__init__(scope, construct_id)
        self.vpc: ec2.IVpc = self._build_vpc(availability_zones)
        self._build_flow_log()
        for subnet in self.vpc.private_subnets:
            Tags.of(subnet).add(DISCOVERY_TAG, cluster_name)

    def _build_vpc(self, availability_zones: Sequence[str]) -> ec2.Vpc:
        return ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=ec2.IpAddresses.cidr("10.0.0.0/16"),
            # Named zones need no look-up in the account, whatever environment the stack has.
            availability_zones=list(availability_zones) or None,
            max_azs=None if availability_zones else _ZONES,
            nat_gateways=1,
            subnet_configuration=[
                ec2.SubnetConfiguration(
                    name="Public", subnet_type=ec2.SubnetType.PUBLIC, cidr_mask=24, map_public_ip_on_launch=False
                ),
                # Each pod has an address of the subnet.
                ec2.SubnetConfiguration(name="Private", subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS, cidr_mask=19),
            ],
            gateway_endpoints={
                "S3": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.S3),
                "DynamoDb": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.DYNAMODB),
            },
            restrict_default_security_group=True,
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
