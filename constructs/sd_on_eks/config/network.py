"""`network` and `registries`: the VPC, and the registries of images and charts."""

import ipaddress
from typing import Final, Literal

from pydantic import Field, field_validator

from sd_on_eks.config.base import ConfigModel
from sd_on_eks.config.values import (
    AvailabilityZone,
    ChartRegistry,
    ImageRegistry,
    RouteTableId,
    SecurityGroupId,
    SubnetId,
    VpcId,
)

_LARGEST_PREFIX: Final = 18
"""Two zones, each with a /20 subnet for pods, and a /24 for the NAT gateway."""
_SMALLEST_PREFIX: Final = 16
"""https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html"""


class ExistingSubnet(ConfigModel):
    """A private subnet of an existing VPC."""

    subnet_id: SubnetId
    """ID of the subnet. Each pod uses one of its IP addresses."""

    availability_zone: AvailabilityZone
    """Availability Zone of the subnet. Required because synthesis does not look it up."""

    route_table_id: RouteTableId | None = None
    """Route table of the subnet. Required with `gatewayEndpoints`."""


class ExistingVpc(ConfigModel):
    """An existing VPC. You give the IDs: synthesis looks up nothing, so that it needs no AWS credentials."""

    vpc_id: VpcId
    """ID of the VPC, which must have DNS hostnames and DNS resolution enabled."""

    cidr: str = "10.0.0.0/16"
    """CIDR block of the VPC. The interface endpoints that the stack creates accept connections from it."""

    private_subnets: tuple[ExistingSubnet, ...] = Field(min_length=2)
    """The control plane and all nodes use these subnets. EKS requires at least two zones."""

    security_group_ids: tuple[SecurityGroupId, ...] = Field(default=(), max_length=4)
    """Additional security groups for the control plane and all nodes. By default, only the cluster security group."""

    has_internet_access: bool = True
    """Whether the subnets have internet access. Without it, images and charts come only from `registries`."""

    gateway_endpoints: bool = False
    """Create gateway endpoints for S3 and DynamoDB in the subnets' route tables. Off by default: the VPC may already
    have them, and AWS rejects a second one."""

    interface_endpoints: bool = False
    """Create interface endpoints for the AWS services that the cluster uses. Off by default: the stack does not change
    an existing VPC."""

    @field_validator("cidr")
    @classmethod
    def _is_a_network(cls, value: str) -> str:
        return _ipv4_network(value, smallest_prefix=8, largest_prefix=28)


class Network(ConfigModel):
    """The VPC of the cluster: a new one that the stack creates, or an existing one."""

    cidr: str = "10.0.0.0/16"
    """IPv4 CIDR block of the VPC that the stack creates. A change replaces the VPC and everything in it."""

    nat_gateways: Literal["one", "onePerZone", "none"] = "one"
    """NAT gateways, through which nodes reach the internet. `one` costs 33 USD per month; if its zone fails, nodes in
    the other zones continue to run their pods but cannot pull images. `onePerZone` costs that amount for each zone.
    With `none`, images and charts come from `registries`, and the stack creates interface endpoints, which cost more
    than one gateway (about 14 USD per month each for two zones)."""

    flow_logs: bool = True
    """Create VPC flow logs. On by default: without them, past connections cannot be investigated."""

    existing_vpc: ExistingVpc | None = None
    """By default, the stack creates a VPC."""

    @field_validator("cidr")
    @classmethod
    def _is_large_enough(cls, value: str) -> str:
        return _ipv4_network(value, smallest_prefix=_SMALLEST_PREFIX, largest_prefix=_LARGEST_PREFIX)

    @property
    def has_internet_access(self) -> bool:
        """Whether nodes reach the internet."""
        if self.existing_vpc is not None:
            return self.existing_vpc.has_internet_access
        return self.nat_gateways != "none"


class Registries(ConfigModel):
    """Registries with copies of the images and charts that otherwise come from the internet."""

    charts: ChartRegistry | None = None
    """OCI registry that contains the charts `karpenter`, `karpenter-crd` and `keda` in the pinned versions. By default,
    the registries of these projects."""

    images: ImageRegistry | None = None
    """Registry that contains the images of these charts and the base images of the images that are built, under their
    original paths: `karpenter/controller`, `kedacore/keda`, `docker/library/python`. By default, the registries of
    these projects."""


def _ipv4_network(value: str, *, smallest_prefix: int, largest_prefix: int) -> str:
    try:
        network = ipaddress.IPv4Network(value)
    except ValueError as error:
        raise ValueError(f"must be a CIDR block such as 10.0.0.0/16: {error}") from error
    if value != str(network):  # Python also accepts netmasks, and addresses without a prefix length
        raise ValueError(f"must be a CIDR block with a prefix length, such as {network}, got {value}")
    if not smallest_prefix <= network.prefixlen <= largest_prefix:
        raise ValueError(
            f"must be a CIDR block from /{smallest_prefix} to /{largest_prefix}, got a /{network.prefixlen}"
        )
    return value
