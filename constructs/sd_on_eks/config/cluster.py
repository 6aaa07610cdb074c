"""`cluster`, `clusterComponents` and `gpuNodeGroups`: the control plane, the system nodes and the GPU node groups."""

import ipaddress
from typing import Final, Literal

from pydantic import Field, field_validator

from sd_on_eks.config.base import ConfigModel
from sd_on_eks.config.values import InstanceType, PrincipalArn

KubernetesVersion = Literal["1.34", "1.35"]
DEFAULT_KUBERNETES_VERSION: Final = "1.35"


class ClusterConfig(ConfigModel):
    """The EKS cluster: its version, access to its API, its administrators and its monitoring."""

    version: KubernetesVersion = DEFAULT_KUBERNETES_VERSION
    """Kubernetes version. 1.35 has standard support until 2027-03 and is the latest version that KEDA is tested with.
    You cannot downgrade, and you can upgrade only one minor version at a time (docs/upgrades.md)."""

    endpoint_access: Literal["publicAndPrivate", "private"] = "publicAndPrivate"
    """Access to the Kubernetes API server endpoint. Public by default, so that you can run kubectl from outside the
    VPC; the endpoint accepts only IAM principals that have an access entry. With `private`, it is reachable only from
    the VPC."""

    public_access_cidrs: tuple[str, ...] = ()
    """CIDR blocks that can reach the public endpoint. By default, all: administrators often have no fixed IP
    addresses."""

    admin_role_arns: tuple[PrincipalArn, ...] = ()
    """IAM roles or users that administer the cluster. By default, the stack creates one role; principals in the account
    can assume it if their own policies allow it, and the output ConfigCommand contains its ARN."""

    own_secrets_key: bool = False
    """Encrypt Kubernetes Secrets with a KMS key that the stack creates, for about 1 USD per month. Off by default: EKS
    encrypts them with an AWS owned key. You CANNOT CHANGE THIS LATER: a change replaces the cluster."""

    observability: bool = False
    """Send Container Insights metrics (including GPU metrics) and pod logs to CloudWatch. Off by default: it costs
    about 10 USD per node and month, plus the ingested logs."""

    node_monitoring: bool = False
    """Install the EKS node monitoring agent, which reports failed GPUs, disks and networks as node conditions. Off by
    default: the agent only reports, and its pods use resources on every node."""

    node_repair: bool = False
    """Let Karpenter replace nodes that the node monitoring agent reports as unhealthy, for all runtimes. Off by
    default: it is an alpha feature of Karpenter. Requires nodeMonitoring."""

    @field_validator("public_access_cidrs")
    @classmethod
    def _are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for cidr in value:
            try:
                network = ipaddress.IPv4Network(cidr)
            except ValueError as error:
                raise ValueError(f"must be CIDR blocks such as 203.0.113.0/24: {error}") from error
            if cidr != str(network):  # Python also accepts netmasks, and addresses without a prefix length
                raise ValueError(f"must be CIDR blocks with a prefix length, such as {network}, got {cidr}")
        return value


class ClusterComponents(ConfigModel):
    """System nodes: the managed node group that runs Karpenter, KEDA and the add-ons."""

    instance_type: InstanceType = "t4g.large"
    """Instance type of the system nodes. arm64 by default: it costs 20% less than x86, and all system components have
    arm64 images."""

    desired_count: int = Field(default=2, ge=1, le=10)
    """Number of system nodes. Two by default, in two zones, so that the controllers stay available while a node is
    replaced."""


class GpuNodeGroup(ConfigModel):
    """A managed node group of always-on GPU nodes. It is not scaled: `size` nodes run permanently."""

    name: str = Field(pattern=r"^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$")
    """Name of the node group, which is part of its resources' logical IDs. A change replaces the nodes."""

    instance_types: tuple[InstanceType, ...] = Field(default=("g5.2xlarge",), min_length=1, max_length=10)
    """Instance types in order of preference. A change replaces the nodes."""

    capacity_type: Literal["on-demand", "spot"] = "on-demand"
    """Capacity type of the nodes. On-Demand by default: AWS can interrupt Spot nodes, which are then not always on. A
    change replaces the nodes."""

    size: int = Field(default=0, ge=0, le=100)
    """Number of nodes that run, and are billed, permanently. With 0, the first task waits until Karpenter has launched
    a node."""

    may_be_idle: bool = False
    """Allow more nodes than the sum of the runtimes' `minReplicaCount`. Off by default: the additional nodes are billed
    while they are idle, until a queue fills."""

    disk_size_gib: int = Field(default=200, ge=50, le=16_384)
    """Size of the data volume. 200 by default: an inference server image takes 10 to 20 GiB, and twice that when it is
    unpacked."""
