"""What a platform engineer may write into `config.yaml`: every key, its type, its bounds and its default."""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator
from pydantic.alias_generators import to_camel

from task_record.protocol_times import ProtocolTimes

DnsLabel = Annotated[str, StringConstraints(pattern=r"^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$")]
"""https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names"""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, alias_generator=to_camel)


class Throttle(_Model):
    """Throttle of the usage plan: per API key, over all methods."""

    rate_limit: float = Field(default=30, ge=1)
    burst_limit: int = Field(default=50, ge=1)


class ApiGateway(_Model):
    """The REST API's stage and throttle."""

    stage_name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]{1,128}$")] = "prod"
    throttle: Throttle = Throttle()
    cloud_watch_role: bool = True
    tenant_isolation: bool = True


class ClusterComponents(_Model):
    """System nodes: where Karpenter, KEDA and the add-ons run."""

    instance_type: str = "t4g.large"
    desired_count: int = Field(default=2, ge=1, le=10)


class GpuNodeGroup(_Model):
    """A managed node group of GPU nodes: an always-warm base. Nothing scales it; `size` nodes run all the time."""

    name: DnsLabel
    instance_types: tuple[str, ...] = Field(default=("g5.2xlarge",), min_length=1)
    size: int = Field(default=0, ge=0, le=100)
    disk_size_gib: int = Field(default=200, ge=50, le=16384)


class Scaling(_Model):
    """How KEDA scales a runtime on its queue."""

    min_replica_count: int = Field(default=0, ge=0, le=100)
    max_replica_count: int = Field(default=5, ge=1, le=100)
    queue_length: int = Field(default=5, ge=1, le=1000)
    polling_interval: int = Field(default=15, ge=1, le=300)
    cooldown_period: int = Field(default=300, ge=0, le=86400)


class Workload(_Model):
    """`extraValues.runtime`: the runtime's pod."""

    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    scaling: Scaling = Scaling()


class Provisioner(_Model):
    """`extraValues.karpenter.provisioner`: which nodes Karpenter buys."""

    instance_types: tuple[str, ...] = Field(default=("g5.2xlarge", "g6.2xlarge"), min_length=1)
    capacity_types: tuple[Literal["spot", "on-demand"], ...] = Field(default=("spot", "on-demand"), min_length=1)
    gpu_limit: int | None = Field(default=None, ge=1)


class NodeTemplate(_Model):
    """`extraValues.karpenter.nodeTemplate`: what those nodes are like."""

    disk_size_gib: int = Field(default=200, ge=50, le=16384)


class Karpenter(_Model):
    """`extraValues.karpenter`."""

    provisioner: Provisioner = Provisioner()
    node_template: NodeTemplate = NodeTemplate()


class ExtraValues(_Model):
    """`modelsRuntime[].extraValues`."""

    karpenter: Karpenter = Karpenter()
    runtime: Workload = Workload()


RuntimeType = Literal["sdwebui", "comfyui"]


class ModelsRuntime(_Model):
    """One runtime: a queue, the pods that serve it, and the nodes they run on."""

    name: DnsLabel
    namespace: DnsLabel = "default"
    type: RuntimeType
    model_filename: str | None = None
    dynamic_model: bool = False
    extra_values: ExtraValues = ExtraValues()

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

    # Also the cluster's name, of which EKS takes 100 characters.
    stack_name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,99}$")] = DEFAULT_STACK_NAME
    model_bucket_arn: (
        Annotated[str, StringConstraints(pattern=r"^arn:aws(-cn|-us-gov)?:s3:::[a-z0-9.-]{3,63}$")] | None
    ) = None
    availability_zones: tuple[str, ...] = ()
    removal_policy: Literal["retain", "destroy"] = "retain"
    notify_running: bool = False
    apigw: ApiGateway = Field(default=ApiGateway(), alias="APIGW")
    cluster_components: ClusterComponents = ClusterComponents()
    gpu_node_groups: tuple[GpuNodeGroup, ...] = ()
    models_runtime: tuple[ModelsRuntime, ...] = ()

    @property
    def protocol_times(self) -> ProtocolTimes:
        """Times and limits of the task protocol."""
        return ProtocolTimes()
