"""What a platform engineer may write into `config.yaml`: every key, its type, its bounds, its default and why."""

from typing import Final, Literal, Self

from pydantic import Field, model_validator

from sd_on_eks.config.base import ConfigModel
from sd_on_eks.config.cluster import ClusterComponents, ClusterConfig, GpuNodeGroup
from sd_on_eks.config.gateway import ApiGateway
from sd_on_eks.config.network import Network, Registries
from sd_on_eks.config.rules import gateway, names, network, nodes, pod_metadata, runtimes, size, tags, task_times
from sd_on_eks.config.rules.violation import RuleError
from sd_on_eks.config.runtime import ModelsRuntime
from sd_on_eks.config.task_protocol import TaskProtocol
from sd_on_eks.config.values import AvailabilityZone, BucketArn, StackName, TagKey, TagValue

DEFAULT_STACK_NAME: Final = "SdOnEKSStack"

_RULES: Final = (names, tags, gateway, network, nodes, runtimes, pod_metadata, task_times, size)


class Config(ConfigModel):
    """The whole of `config.yaml`."""

    stack_name: StackName = DEFAULT_STACK_NAME
    """Name of the CloudFormation stack, and of the EKS cluster, of which EKS takes 100 characters. A change makes
    another stack."""

    model_bucket_arn: BucketArn | None = None
    """Bucket that has the models. By default the stack makes one and outputs its name."""

    input_bucket_arns: tuple[BucketArn, ...] = Field(default=(), max_length=10)
    """Buckets of this region that tasks may link inputs from (`s3://`), besides their callers' own uploads. Whoever has
    an API key can have the agents read any object there. By default none."""

    availability_zones: tuple[AvailabilityZone, ...] = ()
    """Zones by name. By default the region's first two, which may include one where EKS makes no control plane
    (us-east-1e)."""

    removal_policy: Literal["retain", "destroy"] = "retain"
    """What becomes of buckets and task table when the stack is deleted. Retained, they must be deleted by hand: data
    that is gone cannot be had back."""

    tags: dict[TagKey, TagValue] = Field(default_factory=dict, max_length=40)
    """Tags of everything that costs money: the stack's resources, and the instances, volumes and network interfaces of
    all nodes. By default none. A change replaces the nodes."""

    notify_running: bool = False
    """Publish a callback also when a task begins to run. Off: only when it has ended."""

    apigw: ApiGateway = Field(default=ApiGateway(), alias="APIGW")
    """The HTTP API: its address, its limits, who sees what. The defaults suit one team that tries it out."""

    network: Network = Network()
    """Where the cluster lives. By default a VPC of the stack with two zones and one NAT gateway, the cheapest that
    works."""

    registries: Registries = Registries()
    """Where images and charts come from in a network without the internet. By default their projects' registries."""

    cluster: ClusterConfig = ClusterConfig()
    """The EKS cluster. The defaults cost the least that a supported cluster can."""

    cluster_components: ClusterComponents = ClusterComponents()
    """System nodes."""

    gpu_node_groups: tuple[GpuNodeGroup, ...] = Field(default=(), max_length=20)
    """GPU nodes that run all the time. By default none: Karpenter buys what is needed."""

    task_protocol: TaskProtocol = TaskProtocol()
    """Times and limits of the task protocol."""

    models_runtime: tuple[ModelsRuntime, ...] = ()
    """The runtimes, at most 30. More than one may have the same type. By default none."""

    @property
    def input_bucket_names(self) -> tuple[str, ...]:
        """Names of the buckets that tasks may link inputs from."""
        return tuple(arn.rpartition(":")[2] for arn in self.input_bucket_arns)

    @model_validator(mode="after")
    def _keeps_the_rules(self) -> Self:
        violations = [violation for rule in _RULES for violation in rule.violations(self)]
        if violations:
            raise RuleError(violations)
        return self
