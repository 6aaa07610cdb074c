"""`cluster`: the control plane, who may reach it, and what watches over it."""

import ipaddress
from typing import Final, Literal

from pydantic import Field, field_validator

from sd_on_eks.config.base import ConfigModel
from sd_on_eks.config.values import InstanceType, PrincipalArn

KubernetesVersion = Literal["1.34", "1.35"]
DEFAULT_KUBERNETES_VERSION: Final = "1.35"


class ClusterConfig(ConfigModel):
    """The EKS cluster: its version, who reaches its API, who administers it, what watches over it."""

    version: KubernetesVersion = DEFAULT_KUBERNETES_VERSION
    """Kubernetes' version. 1.35 has standard support until 2027-03 and is the newest that KEDA is tested with. It
    cannot be lowered, and goes up one at a time: docs/upgrades.md."""

    endpoint_access: Literal["publicAndPrivate", "private"] = "publicAndPrivate"
    """Where the control plane's API can be reached. Public by default, so that kubectl works from a desk; it answers to
    IAM principals with an access entry alone. `private`: from the VPC only."""

    public_access_cidrs: tuple[str, ...] = ()
    """Networks that may reach the public endpoint. By default any: the people who need it have no fixed addresses."""

    admin_role_arns: tuple[PrincipalArn, ...] = ()
    """IAM roles or users that administer the cluster. By default the stack makes one role, which principals of the
    account may assume if their own policies allow it, and ConfigCommand names it."""

    own_secrets_key: bool = False
    """Encrypt Kubernetes' secrets with a KMS key of the stack, for about one dollar a month. Off by default: EKS
    encrypts them with a key of its own, and the choice CANNOT BE TAKEN BACK: changing it later replaces the cluster."""

    observability: bool = False
    """Container Insights with GPU metrics, and the pods' logs, in CloudWatch. Off by default: it costs about 10 dollars
    a node and month, and logs by their volume."""

    node_monitoring: bool = False
    """EKS's node monitoring agent, which reports broken GPUs, disks and networks as conditions of the node. Off by
    default: by itself it changes nothing, and its pods take room on every node."""

    node_repair: bool = False
    """Let Karpenter replace nodes that the monitoring agent reports as broken, for all runtimes. Off by default: it is
    an alpha feature of Karpenter. Needs nodeMonitoring."""

    @field_validator("public_access_cidrs")
    @classmethod
    def _are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for cidr in value:
            try:
                network = ipaddress.IPv4Network(cidr)
            except ValueError as error:
                raise ValueError(f"must be networks such as 203.0.113.0/24: {error}") from error
            if cidr != str(network):  # Python also takes masks, and addresses without a prefix
                raise ValueError(f"must be networks with their prefixes, such as {network}, got {cidr}")
        return value


class ClusterComponents(ConfigModel):
    """System nodes: where Karpenter, KEDA and the add-ons run."""

    instance_type: InstanceType = "t4g.large"
    """arm64 costs a fifth less than x86, and everything that runs there has arm64 images."""

    desired_count: int = Field(default=2, ge=1, le=10)
    """Two nodes in two zones keep the controllers up when one is replaced."""


class GpuNodeGroup(ConfigModel):
    """A managed node group of GPU nodes: an always-warm base. Nothing scales it; `size` nodes run all the time."""

    name: str = Field(pattern=r"^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$")
    """Part of the ids of its resources; a change replaces the nodes."""

    instance_types: tuple[InstanceType, ...] = Field(default=("g5.2xlarge",), min_length=1, max_length=10)
    """In order of preference. A change replaces the nodes."""

    capacity_type: Literal["on-demand", "spot"] = "on-demand"
    """On-demand by default: a warm base that AWS takes back is none. A change replaces the nodes."""

    size: int = Field(default=0, ge=0, le=100)
    """Nodes that run, and cost, all the time. 0: a first task waits for Karpenter to buy a node instead."""

    may_be_idle: bool = False
    """Allow more nodes than the runtimes have replicas at least. Off by default: such nodes cost money and run nothing
    until a queue fills."""

    disk_size_gib: int = Field(default=200, ge=50, le=16_384)
    """Images of inference servers take 10 to 20 GiB each, unpacked twice that."""
