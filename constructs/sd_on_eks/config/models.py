"""What a platform engineer may write into `config.yaml`: every key, its type, its bounds, its default and why."""

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator
from pydantic.alias_generators import to_camel

from task_record.protocol_times import ProtocolTimes

_DNS_LABEL: Final = r"^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$"
_RUNTIME_NAME: Final = r"^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$"
_STAGE_NAME: Final = r"^[A-Za-z0-9_]{1,128}$"
_STACK_NAME: Final = r"^[A-Za-z][A-Za-z0-9-]{0,99}$"
_BUCKET_ARN: Final = r"^arn:aws(-cn|-us-gov)?:s3:::[a-z0-9.-]{3,63}$"
_ZONE: Final = r"^[a-z]{2}(-[a-z]+)+-[0-9][a-z]$"
_INSTANCE_TYPE: Final = r"^[a-z][a-z0-9-]*\.[a-z0-9-]+$"

PATTERN_WORDS: Final = {
    _DNS_LABEL: "be lower-case letters, digits and dashes, begin with a letter and have at most 63 characters",
    _RUNTIME_NAME: "be lower-case letters, digits and dashes, begin with a letter and have at most 40 characters",
    _STAGE_NAME: "be letters, digits and underscores",
    _STACK_NAME: "be letters, digits and dashes, begin with a letter and have at most 100 characters",
    _BUCKET_ARN: "be the ARN of an S3 bucket, such as arn:aws:s3:::my-models",
    _ZONE: "be an availability zone, such as us-east-1a",
    _INSTANCE_TYPE: "be an EC2 instance type, such as g5.2xlarge",
}
"""What a pattern asks for, in words that follow `must`."""

DnsLabel = Annotated[str, StringConstraints(pattern=_DNS_LABEL)]
"""https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names"""

InstanceType = Annotated[str, StringConstraints(pattern=_INSTANCE_TYPE)]


class _Model(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        alias_generator=to_camel,
        use_attribute_docstrings=True,
    )


class Throttle(_Model):
    """Throttle of the usage plan: per API key, over all methods."""

    rate_limit: float = Field(default=30, ge=1, le=10_000, allow_inf_nan=False)
    """Requests a second. 30 keeps one caller from filling the queues unnoticed; submits cost a GPU's time each."""

    burst_limit: int = Field(default=50, ge=1, le=10_000)
    """Requests at once, beyond the rate. 50 lets a batch of prompts be sent in one go."""


class ApiGateway(_Model):
    """The REST API."""

    stage_name: Annotated[str, StringConstraints(pattern=_STAGE_NAME)] = "prod"
    """Last part of the endpoint's path. A change gives the API another URL."""

    throttle: Throttle = Throttle()
    """Limits of each API key."""

    cloud_watch_role: bool = True
    """Make the account's logging role for API Gateway, without which a fresh account refuses a stage that logs. Switch
    off where the account has one already."""

    tenant_isolation: bool = True
    """Let each API key see its own tasks only. Off: every key sees every task."""


class ClusterComponents(_Model):
    """System nodes: where Karpenter, KEDA and the add-ons run."""

    instance_type: InstanceType = "t4g.large"
    """arm64 costs a fifth less than x86, and everything that runs there has arm64 images."""

    desired_count: int = Field(default=2, ge=1, le=10)
    """Two nodes in two zones keep the controllers up when one is replaced."""


class GpuNodeGroup(_Model):
    """A managed node group of GPU nodes: an always-warm base. Nothing scales it; `size` nodes run all the time."""

    name: DnsLabel
    """Part of the ids of its resources; a change replaces the nodes."""

    instance_types: tuple[InstanceType, ...] = Field(default=("g5.2xlarge",), min_length=1)
    """In order of preference."""

    size: int = Field(default=0, ge=0, le=100)
    """Nodes that run, and cost, all the time. 0: a first task waits for Karpenter to buy a node instead."""

    disk_size_gib: int = Field(default=200, ge=50, le=16_384)
    """Images of inference servers take 10 to 20 GiB each, unpacked twice that."""


class Scaling(_Model):
    """How KEDA scales a runtime on its queue."""

    min_replica_count: int = Field(default=0, ge=0, le=100)
    """Replicas that stay when the queue is empty. 0 costs no GPU while idle."""

    max_replica_count: int = Field(default=5, ge=1, le=100)
    """Most replicas, so most GPUs."""

    queue_length: int = Field(default=5, ge=1, le=1000)
    """Tasks in the queue for each replica. Lower scales out earlier and costs more GPU starts."""

    polling_interval: int = Field(default=15, ge=1, le=300)
    """Seconds between two looks at the queue while no replica runs."""

    cooldown_period: int = Field(default=300, ge=0, le=86_400)
    """Seconds without a task before the last replica goes: a GPU node takes minutes to come back."""

    @model_validator(mode="after")
    def _range(self) -> Self:
        if self.max_replica_count < self.min_replica_count:
            raise ValueError(
                "maxReplicaCount must be at least minReplicaCount, "
                f"got {self.max_replica_count} and {self.min_replica_count}"
            )
        return self


class Workload(_Model):
    """`extraValues.runtime`: the runtime's pod."""

    labels: dict[str, str] = Field(default_factory=dict)
    """Further labels of the pod."""

    annotations: dict[str, str] = Field(default_factory=dict)
    """Further annotations of the pod."""

    scaling: Scaling = Scaling()
    """How many pods."""


class Provisioner(_Model):
    """`extraValues.karpenter.provisioner`: which nodes Karpenter buys."""

    instance_types: tuple[InstanceType, ...] = Field(default=("g5.2xlarge", "g6.2xlarge"), min_length=1)
    """Types with one NVIDIA GPU; several families, so that one that is sold out does not stop the queue."""

    capacity_types: tuple[Literal["spot", "on-demand"], ...] = Field(default=("spot", "on-demand"), min_length=1)
    """Spot costs less than half; a task on a node that AWS takes back is given back to the queue."""

    gpu_limit: int | None = Field(default=None, ge=1)
    """Most GPUs at once; by default one for each of maxReplicaCount."""


class NodeTemplate(_Model):
    """`extraValues.karpenter.nodeTemplate`: what those nodes are like."""

    disk_size_gib: int = Field(default=200, ge=50, le=16_384)
    """Images of inference servers take 10 to 20 GiB each, unpacked twice that."""


class Karpenter(_Model):
    """`extraValues.karpenter`."""

    provisioner: Provisioner = Provisioner()
    """Which nodes."""

    node_template: NodeTemplate = NodeTemplate()
    """What they are like."""


class ExtraValues(_Model):
    """`modelsRuntime[].extraValues`."""

    karpenter: Karpenter = Karpenter()
    """The runtime's nodes."""

    runtime: Workload = Workload()
    """The runtime's pods."""


RuntimeType = Literal["sdwebui", "comfyui"]


class ModelsRuntime(_Model):
    """One runtime: a queue, the pods that serve it, and the nodes they run on."""

    name: Annotated[str, StringConstraints(pattern=_RUNTIME_NAME)]
    """What callers put into `task.metadata.runtime`; also part of ids, so a change makes another runtime."""

    namespace: DnsLabel = "default"
    """Kubernetes namespace of its pods."""

    type: RuntimeType
    """Which inference server: sdwebui (AUTOMATIC1111 Stable Diffusion Web UI) or comfyui (ComfyUI)."""

    model_filename: str | None = Field(default=None, min_length=1, max_length=255)
    """The checkpoint that an sdwebui runtime loads at start, a file of the model bucket."""

    dynamic_model: bool = False
    """Let an sdwebui runtime switch to whatever checkpoint a task names. A switch takes as long as a load."""

    extra_values: ExtraValues = ExtraValues()
    """Pods and nodes."""

    @field_validator("name")
    @classmethod
    def _not_the_shared_pool(cls, value: str) -> str:
        # Nodes are labelled pool=<runtime>, and pool=shared where every runtime may run.
        if value == "shared":
            raise ValueError('must not be "shared", which is the pool of the GPU node groups')
        return value

    @field_validator("type", mode="before")
    @classmethod
    def _lower_case(cls, value: object) -> object:
        # Existing files write SDWebUI and ComfyUI.
        return value.lower() if isinstance(value, str) else value


DEFAULT_STACK_NAME: Final = "SdOnEKSStack"


class Config(_Model):
    """The whole of `config.yaml`."""

    stack_name: Annotated[str, StringConstraints(pattern=_STACK_NAME)] = DEFAULT_STACK_NAME
    """Name of the CloudFormation stack, and of the EKS cluster, of which EKS takes 100 characters."""

    model_bucket_arn: Annotated[str, StringConstraints(pattern=_BUCKET_ARN)] | None = None
    """Bucket that has the models. By default the stack makes one and outputs its name."""

    availability_zones: tuple[Annotated[str, StringConstraints(pattern=_ZONE)], ...] = ()
    """Zones by name. By default the region's first two, which may include one where EKS makes no control plane
    (us-east-1e)."""

    removal_policy: Literal["retain", "destroy"] = "retain"
    """What becomes of buckets and task table when the stack is deleted. Retained, they must be deleted by hand."""

    notify_running: bool = False
    """Publish a callback also when a task begins to run. Off: only when it has ended."""

    apigw: ApiGateway = Field(default=ApiGateway(), alias="APIGW")
    """The HTTP API."""

    cluster_components: ClusterComponents = ClusterComponents()
    """System nodes."""

    gpu_node_groups: tuple[GpuNodeGroup, ...] = ()
    """GPU nodes that run all the time. By default none: Karpenter buys what is needed."""

    models_runtime: tuple[ModelsRuntime, ...] = ()
    """The runtimes. More than one may have the same type."""

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        for key, names in (
            ("modelsRuntime", (runtime.name for runtime in self.models_runtime)),
            ("gpuNodeGroups", (group.name for group in self.gpu_node_groups)),
            ("availabilityZones", self.availability_zones),
        ):
            for name in _repeated(names):
                raise ValueError(f"{key}: each name must stand once, got {name} again")
        if len(self.availability_zones) == 1:
            raise ValueError("availabilityZones: must be at least two zones, which EKS asks for, got 1")
        return self

    @model_validator(mode="after")
    def _a_checkpoint_has_one_runtime(self) -> Self:
        checkpoints = (
            runtime.model_filename
            for runtime in self.models_runtime
            if runtime.type == "sdwebui" and runtime.model_filename is not None and not runtime.dynamic_model
        )
        for name in _repeated(checkpoints):
            raise ValueError(
                f"modelsRuntime: v1alpha1 routes by checkpoint, so one runtime must serve each, got {name} again"
            )
        return self

    @property
    def protocol_times(self) -> ProtocolTimes:
        """Times and limits of the task protocol."""
        return ProtocolTimes()


def _repeated(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]
