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
from task_record.inputs.sizes import MAX_INPUT_MIB

_Argument = Annotated[str, StringConstraints(min_length=1, max_length=1000)]


class Image(ConfigModel):
    """A container image: built by the deployment, or an existing one."""

    build: Literal["local", "cloud"] | None = None
    """Where the image is built. `local`: `cdk deploy` builds it with Docker. `cloud`: CodeBuild builds it in the
    account, which needs no local Docker and no upload of several gigabytes. By default, `local`, unless `reference` is
    set."""

    reference: ImageReference | None = None
    """An existing image with its digest, which makes deployments reproducible. By default, the image is built."""


class ResourceAmounts(ConfigModel):
    """CPU and memory of a container."""

    cpu: Cpu | None = None
    """CPU units; 1000m is one CPU. The container's `resources` describes the default."""

    memory: Memory | None = None
    """Memory in Mi or Gi. The container's `resources` describes the default."""


class Resources(ConfigModel):
    """Resource requests and limits of a container."""

    requests: ResourceAmounts = ResourceAmounts()
    """Resource requests, which the scheduler reserves on the node."""

    limits: ResourceAmounts = ResourceAmounts()
    """Resource limits. A container is throttled at its CPU limit and terminated above its memory limit."""

    def with_defaults(self, defaults: "Resources") -> "Resources":
        """These resources, with the defaults where an amount is not set."""
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
    """By default, this product's image for the runtime type."""

    image_size_gib: int = Field(default=15, ge=1, le=500)
    """Unpacked size of the image. While the image is pulled, it needs twice this disk space. 15 by default: CUDA and
    PyTorch alone take 10."""

    command: tuple[_Argument, ...] = Field(default=(), max_length=100)
    """Command of an image that is set with `image.reference`, such as [python3, main.py]. It is wrapped so that the
    server stops within 5 seconds when its pod is terminated; the image must contain `sh` and `sleep`. By default, the
    entry point of the image, which may ignore SIGTERM and then keeps the GPU for the whole termination grace period."""

    args: tuple[_Argument, ...] = Field(default=(), max_length=100)
    """Additional arguments of the server, such as --medvram. By default, none. You cannot change the address, the port
    and the directories, which the pod needs."""

    image_metadata: bool = True
    """Embed the prompt or workflow in the output images. On by default, as in both servers. When off, images are
    smaller (by megabytes for a large workflow) and do not disclose the prompt to their recipients."""

    env: dict[EnvironmentName, str] = Field(default_factory=dict, max_length=100)
    """Additional environment variables. By default, none. Do not put secrets here: anyone with read access to the
    cluster can read them."""

    resources: Resources = Resources()
    """By default, the requests are 2 CPUs and 10Gi, which fit every GPU instance type, without limits: the server has
    the node for itself. The container always gets one GPU."""

    scratch_size_gib: int = Field(default=20, ge=1, le=10_000)
    """Maximum disk space for caches and temporary files of the server. 20 by default, enough for several thousand
    images."""

    shared_memory_gib: int = Field(default=2, ge=1, le=500)
    """Size of /dev/shm, which PyTorch data loaders use. It counts as memory of the pod."""

    @property
    def whole_resources(self) -> Resources:
        """CPU and memory, including the defaults."""
        return self.resources.with_defaults(Resources(requests=ResourceAmounts(cpu="2", memory="10Gi")))


class QueueAgent(ConfigModel):
    """`extraValues.runtime.queueAgent`: the queue agent, the sidecar container."""

    image: Image = Image()
    """By default, this product's image."""

    env: dict[EnvironmentName, str] = Field(default_factory=dict, max_length=100)
    """Additional environment variables. By default, none."""

    max_input_mb: int | None = Field(default=None, ge=1, le=MAX_INPUT_MIB)
    """Maximum size of a named input of a comfyui task, in MiB; all inputs of a task together can have three times this
    size, which the agent's disk has room for. By default, 100, which is also the limit of ComfyUI: a higher value
    needs `--max-upload-size` in `inferenceApi.args`. An sdwebui runtime has fixed limits of 20 and 60, in memory."""

    resources: Resources = Resources()
    """By default, the requests are 250m and 256Mi, and the memory limit is 512Mi."""

    @property
    def whole_resources(self) -> Resources:
        """CPU and memory, including the defaults."""
        return self.resources.with_defaults(
            Resources(requests=ResourceAmounts(cpu="250m", memory="256Mi"), limits=ResourceAmounts(memory="512Mi"))
        )


class Persistence(ConfigModel):
    """`extraValues.runtime.persistence`: where the models are stored."""

    model_bucket_arn: BucketArn | None = None
    """A separate model bucket for this runtime. By default, the stack's model bucket."""

    prefix: KeyPrefix | None = None
    """Mount only the objects with this prefix. By default, the whole bucket."""

    existing_claim: DnsLabel | None = None
    """An existing PersistentVolumeClaim in the namespace, for example for FSx. By default, the bucket is mounted."""

    cache_size_gib: int = Field(default=0, ge=0, le=10_000)
    """Size of the read cache on the node's disk. 0 by default, which disables it: a server reads its model once. Useful
    with `dynamicModel`, when tasks switch between checkpoints."""

    throughput_gbps: int = Field(default=10, ge=1, le=400)
    """Network bandwidth of the node, which the Mountpoint driver cannot detect. 10 by default, the burst bandwidth of
    the common GPU instance types."""


class Toleration(ConfigModel):
    """A node taint that the pod tolerates: https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/."""

    key: LabelKey
    """Key of the taint."""

    operator: Literal["Equal", "Exists"] = "Equal"
    """`Equal` also compares the value; `Exists` only the key."""

    value: LabelValue | None = None
    """Value of the taint, with `Equal`."""

    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """Effect of the taint. By default, any."""


class Workload(ConfigModel):
    """`extraValues.runtime`: the pods of the runtime, each with an inference server and a queue agent."""

    labels: dict[LabelKey, LabelValue] = Field(default_factory=dict, max_length=50)
    """Additional labels of the pods. By default, none."""

    annotations: dict[LabelKey, str] = Field(default_factory=dict, max_length=50)
    """Additional annotations of the pods. By default, none."""

    tolerations: tuple[Toleration, ...] = Field(default=(), max_length=50)
    """By default, the pod tolerates only the taint of GPU nodes."""

    scaling: Scaling = Scaling()
    """Number of pods."""

    inference_api: InferenceApi = InferenceApi()
    """The inference server."""

    queue_agent: QueueAgent = QueueAgent()
    """The queue agent."""

    persistence: Persistence = Persistence()
    """The models."""
