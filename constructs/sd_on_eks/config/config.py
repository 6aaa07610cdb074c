"""The root model of `config.yaml`."""

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
    """The contents of `config.yaml`."""

    stack_name: StackName = DEFAULT_STACK_NAME
    """Name of the CloudFormation stack and of the EKS cluster, which can have at most 100 characters. If you change it,
    `cdk deploy` creates a second stack."""

    model_bucket_arn: BucketArn | None = None
    """S3 bucket that contains the models. By default, the stack creates a bucket and outputs its name."""

    input_bucket_arns: tuple[BucketArn, ...] = Field(default=(), max_length=10)
    """S3 buckets in the same Region from which tasks can read inputs (`s3://` URLs), in addition to uploads. Any caller
    with an API key can use every object in these buckets as an input. By default, none."""

    availability_zones: tuple[AvailabilityZone, ...] = ()
    """Names of the Availability Zones. By default, the first two of the Region, which can include a zone where EKS does
    not support control planes (us-east-1e)."""

    removal_policy: Literal["retain", "destroy"] = "retain"
    """Whether the buckets and the task table are kept or deleted when the stack is deleted. Retained by default,
    because deleted data cannot be recovered; you then delete them manually."""

    tags: dict[TagKey, TagValue] = Field(default_factory=dict, max_length=40)
    """Tags for cost allocation. They are added to the stack's resources and to the instances, volumes and network
    interfaces of all nodes. By default, none. A change replaces the nodes."""

    notify_running: bool = False
    """Also publish a callback when a task starts to run. Off by default: callbacks are published only when a task has
    ended."""

    apigw: ApiGateway = Field(default=ApiGateway(), alias="APIGW")
    """The defaults suit one team that evaluates the product."""

    network: Network = Network()
    """By default, the stack creates a VPC with two zones and one NAT gateway, the cheapest supported setup."""

    registries: Registries = Registries()
    """Required for a network without internet access. By default, images and charts come from the registries of their
    projects."""

    cluster: ClusterConfig = ClusterConfig()
    """The defaults are the lowest-cost supported cluster."""

    cluster_components: ClusterComponents = ClusterComponents()
    """System nodes."""

    gpu_node_groups: tuple[GpuNodeGroup, ...] = Field(default=(), max_length=20)
    """By default, none: Karpenter provisions nodes on demand."""

    task_protocol: TaskProtocol = TaskProtocol()
    """Times and limits of the task protocol."""

    models_runtime: tuple[ModelsRuntime, ...] = ()
    """At most 30 runtimes. Several runtimes can have the same type. By default, none."""

    @property
    def input_bucket_names(self) -> tuple[str, ...]:
        """Names of the buckets from which tasks can read inputs."""
        return tuple(arn.rpartition(":")[2] for arn in self.input_bucket_arns)

    @model_validator(mode="after")
    def _keeps_the_rules(self) -> Self:
        violations = [violation for rule in _RULES for violation in rule.violations(self)]
        if violations:
            raise RuleError(violations)
        return self
