"""`extraValues.runtime`: the runtime's pod."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from sd_on_eks.config.base import ConfigModel
from sd_on_eks.config.scaling import Scaling
from sd_on_eks.config.values import (
    BucketArn,
    Cpu,
    DnsLabel,
    EnvironmentName,
    ImageReference,
    KeyPrefix,
    LabelKey,
    LabelValue,
    Memory,
)
from task_record.inputs.sizes import MOST_INPUT_MIB

_Argument = Annotated[str, StringConstraints(min_length=1, max_length=1000)]


class Image(ConfigModel):
    """Where an image comes from."""

    build: Literal["local", "cloud"] | None = None
    """`local`: `cdk deploy` builds it with Docker. `cloud`: CodeBuild builds it in the account, which needs no Docker
    and uploads no gigabytes. By default local, unless `reference` is set."""

    reference: ImageReference | None = None
    """An image that exists, with its digest, so that a deployment is the same tomorrow. By default it is built."""


class ResourceAmounts(ConfigModel):
    """Processors and memory of a container."""

    cpu: Cpu | None = None
    """Processors, of 1000m each. By default as said at the container."""

    memory: Memory | None = None
    """Memory, in Mi or Gi. By default as said at the container."""


class Resources(ConfigModel):
    """What a container asks for and may use."""

    requests: ResourceAmounts = ResourceAmounts()
    """What is set aside for it, so that it fits its node. By default as said at the container."""

    limits: ResourceAmounts = ResourceAmounts()
    """What it may use at most, beyond which it is slowed down or stopped. By default as said at the container."""

    def on_top_of(self, defaults: "Resources") -> "Resources":
        """The same, with defaults in place of what is left out."""
        return Resources(
            requests=ResourceAmounts(
                cpu=self.requests.cpu or defaults.requests.cpu, memory=self.requests.memory or defaults.requests.memory
            ),
            limits=ResourceAmounts(
                cpu=self.limits.cpu or defaults.limits.cpu, memory=self.limits.memory or defaults.limits.memory
            ),
        )


class InferenceApi(ConfigModel):
    """`extraValues.runtime.inferenceApi`: the inference server."""

    image: Image = Image()
    """Its image. By default the one of this product for the runtime's type."""

    image_size_gib: int = Field(default=15, ge=1, le=500)
    """Unpacked size of the image, for which the disk must have room twice while it is pulled. 15 by default: CUDA and
    PyTorch take 10."""

    command: tuple[_Argument, ...] = Field(default=(), max_length=100)
    """Command of an image by `image.reference`, such as [python3, main.py]: it is run so that the server stops within 5
    seconds when its pod is stopped. The image needs `sh` and `sleep`. By default the image's own, which may ignore the
    signal and then keeps the pod's GPU for the whole grace period."""

    args: tuple[_Argument, ...] = Field(default=(), max_length=100)
    """Further arguments of the server, such as --medvram. By default none. Address, port and folders stay as the pod
    needs them."""

    image_metadata: bool = True
    """Embed the prompt or workflow in the images. On by default, as in both servers. Off makes an image smaller, by
    megabytes for a large workflow, and does not disclose to its receivers how it was made."""

    env: dict[EnvironmentName, str] = Field(default_factory=dict, max_length=100)
    """Further environment variables. By default none. Secrets do not belong here: whoever reads the cluster reads
    them."""

    resources: Resources = Resources()
    """Processors and memory. By default 2 and 10Gi are set aside, which every instance type with a GPU has, and there
    is no limit: the server has its node for itself. The GPU is always one."""

    scratch_size_gib: int = Field(default=20, ge=1, le=10_000)
    """Most that the server may write: caches, temporary files. 20 by default, several thousand pictures."""

    shared_memory_gib: int = Field(default=2, ge=1, le=500)
    """Size of /dev/shm, which PyTorch's loaders use. Counts as the pod's memory."""

    @property
    def whole_resources(self) -> Resources:
        """Processors and memory, defaults included."""
        return self.resources.on_top_of(Resources(requests=ResourceAmounts(cpu="2", memory="10Gi")))


class QueueAgent(ConfigModel):
    """`extraValues.runtime.queueAgent`: the agent beside it."""

    image: Image = Image()
    """Its image. By default the one of this product."""

    env: dict[EnvironmentName, str] = Field(default_factory=dict, max_length=100)
    """Further environment variables. By default none."""

    max_input_mb: int | None = Field(default=None, ge=1, le=MOST_INPUT_MIB)
    """Largest named input of a comfyui task, in MiB; all of a task's may have three times as much, which the agent's
    disk has room for. By default 100, which is also what ComfyUI takes: more needs `--max-upload-size` in
    `inferenceApi.args`. A sdwebui runtime takes 20 and 60, in memory."""

    resources: Resources = Resources()
    """Processors and memory. By default 250m and 256Mi, at most 512Mi."""

    @property
    def whole_resources(self) -> Resources:
        """Processors and memory, defaults included."""
        return self.resources.on_top_of(
            Resources(requests=ResourceAmounts(cpu="250m", memory="256Mi"), limits=ResourceAmounts(memory="512Mi"))
        )


class Persistence(ConfigModel):
    """`extraValues.runtime.persistence`: where the models are."""

    model_bucket_arn: BucketArn | None = None
    """A bucket of its own. By default the stack's model bucket."""

    prefix: KeyPrefix | None = None
    """Show only the objects below this prefix. By default the whole bucket."""

    existing_claim: DnsLabel | None = None
    """A PersistentVolumeClaim that exists in the namespace, such as one on FSx. By default the bucket is mounted."""

    cache_size_gib: int = Field(default=0, ge=0, le=10_000)
    """Keep so much of what was read on the node's disk. 0, none, by default: a server reads its model once. Worth it
    where dynamicModel switches back and forth."""

    throughput_gbps: int = Field(default=10, ge=1, le=400)
    """Network of the node, which the driver cannot ask for itself. 10 by default, what the common GPU types burst
    to."""


class Toleration(ConfigModel):
    """A taint of nodes that the pod accepts: https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/."""

    key: LabelKey
    """The taint's key."""

    operator: Literal["Equal", "Exists"] = "Equal"
    """Equal compares the value, too."""

    value: LabelValue | None = None
    """The taint's value, with Equal."""

    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """The taint's effect. By default any."""


class Workload(ConfigModel):
    """`extraValues.runtime`: the runtime's pod, an inference server with a queue agent beside it."""

    labels: dict[LabelKey, LabelValue] = Field(default_factory=dict, max_length=50)
    """Further labels of the pod. By default none."""

    annotations: dict[LabelKey, str] = Field(default_factory=dict, max_length=50)
    """Further annotations of the pod. By default none."""

    tolerations: tuple[Toleration, ...] = Field(default=(), max_length=50)
    """Further taints that the pod accepts. By default only that of GPU nodes."""

    scaling: Scaling = Scaling()
    """How many pods."""

    inference_api: InferenceApi = InferenceApi()
    """The inference server."""

    queue_agent: QueueAgent = QueueAgent()
    """The agent beside it."""

    persistence: Persistence = Persistence()
    """Where the models are."""
