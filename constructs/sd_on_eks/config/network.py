"""`network` and `registries`: where the cluster lives and what it can reach."""

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
"""Two zones with a /20 for pods each, and a /24 for the NAT gateway."""
_SMALLEST_PREFIX: Final = 16
"""https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html"""


class ExistingSubnet(ConfigModel):
    """A private subnet of an existing VPC."""

    subnet_id: SubnetId
    """The subnet. Each pod takes one of its addresses."""

    availability_zone: AvailabilityZone
    """Its zone; said here because nothing is looked up."""

    route_table_id: RouteTableId | None = None
    """Its route table, which `gatewayEndpoints` needs."""


class ExistingVpc(ConfigModel):
    """An existing VPC, by ids: nothing is looked up, so synthesis needs no account."""

    vpc_id: VpcId
    """The VPC. It needs DNS names and DNS resolution switched on."""

    cidr: str = "10.0.0.0/16"
    """Its addresses, which may speak to interface endpoints that the stack makes."""

    private_subnets: tuple[ExistingSubnet, ...] = Field(min_length=2)
    """Subnets of the control plane and of all nodes, in at least two zones, which EKS asks for."""

    security_group_ids: tuple[SecurityGroupId, ...] = Field(default=(), max_length=4)
    """Further security groups of the control plane and of all nodes, beside the cluster's own. By default none."""

    has_internet_access: bool = True
    """Whether the subnets have a way to the internet. Without one, images and charts come from `registries` alone."""

    gateway_endpoints: bool = False
    """Make gateway endpoints for S3 and DynamoDB in the subnets' route tables. By default the VPC is left as it is:
    it may have them already, and a second one is refused."""

    interface_endpoints: bool = False
    """Make interface endpoints for the AWS services that the cluster speaks to. By default the VPC is left as it is."""

    @field_validator("cidr")
    @classmethod
    def _is_a_network(cls, value: str) -> str:
        return _ipv4_network(value, smallest_prefix=8, largest_prefix=28)


class Network(ConfigModel):
    """The VPC that the cluster lives in: one that the stack makes, or one that exists."""

    cidr: str = "10.0.0.0/16"
    """Private addresses of the VPC that the stack makes. A change replaces the VPC and everything in it."""

    nat_gateways: Literal["one", "onePerZone", "none"] = "one"
    """How nodes reach the internet. One costs 33 dollars a month; should its zone fail, nodes of the other zones keep
    running what they have but cannot pull images. `onePerZone` costs that much for each zone. `none`: images and charts
    come from `registries`, and the stack makes interface endpoints, which cost more than a gateway (about 14 dollars
    each for two zones)."""

    flow_logs: bool = True
    """Log the VPC's connections. On by default: an investigation cannot be caught up on."""

    existing_vpc: ExistingVpc | None = None
    """Use this VPC instead of making one. By default the stack makes one."""

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
    """Registries that hold copies of what otherwise comes from the internet."""

    charts: ChartRegistry | None = None
    """Registry with the charts `karpenter`, `karpenter-crd` and `keda` in their pinned versions. By default their
    projects' own."""

    images: ImageRegistry | None = None
    """Registry with the images of those charts and the bases of the images that are built, under their own paths:
    `karpenter/controller`, `kedacore/keda`, `docker/library/python`. By default their projects' own."""


def _ipv4_network(value: str, *, smallest_prefix: int, largest_prefix: int) -> str:
    try:
        network = ipaddress.IPv4Network(value)
    except ValueError as error:
        raise ValueError(f"must be a network such as 10.0.0.0/16: {error}") from error
    if value != str(network):  # Python also takes masks, and addresses without a prefix
        raise ValueError(f"must be a network with its prefix, such as {network}, got {value}")
    if not smallest_prefix <= network.prefixlen <= largest_prefix:
        raise ValueError(
            f"must be a network of /{smallest_prefix} to /{largest_prefix}, got one of /{network.prefixlen}"
        )
    return value
