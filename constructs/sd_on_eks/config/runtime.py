"""`modelsRuntime[]`: one runtime."""

import math
from typing import Final

from pydantic import Field, field_validator

from sd_on_eks.config.base import ConfigModel
from sd_on_eks.config.karpenter import Karpenter
from sd_on_eks.config.values import DnsLabel, FileName, RuntimeName
from sd_on_eks.config.workload import Workload
from task_record.inputs.sizes import InputSizes
from task_record.runtime_types import RUNTIME_TYPES, RuntimeType, RuntimeTypeName

LONGEST_DRAIN_S: Final = 480
"""Longest inference that a terminating pod can finish. With one more minute to deliver the result, it stays below the
600 s after which a reclaimed node is terminated, including the model volume."""


class ExtraValues(ConfigModel):
    """`modelsRuntime[].extraValues`: the pods and nodes of the runtime."""

    karpenter: Karpenter = Karpenter()
    """The runtime's nodes."""

    runtime: Workload = Workload()
    """The runtime's pods."""


class ModelsRuntime(ConfigModel):
    """A runtime: a queue, the pods that process it, and the nodes that they run on."""

    name: RuntimeName
    """Name of the runtime, which callers specify in `task.metadata.runtime`. It is part of logical IDs: if you change
    it, the deployment creates another runtime."""

    namespace: DnsLabel = "default"
    """Kubernetes namespace of its pods."""

    type: RuntimeTypeName = Field(
        description="Type of the inference server: "
        + " or ".join(f"{one.name} ({one.server})" for one in RUNTIME_TYPES.values())
        + "."
    )

    model_filename: FileName | None = None
    """Checkpoint of an sdwebui runtime, a file in the model bucket. Tasks that do not specify a checkpoint use it. By
    default, none: then `dynamicModel` is required, and each task must specify a checkpoint."""

    dynamic_model: bool = False
    """Let tasks of an sdwebui runtime specify any checkpoint in the model bucket, to which the server then switches.
    Off by default, and tasks with another checkpoint are rejected: a switch takes as long as loading a model, while all
    other tasks wait."""

    longest_task: float = Field(default=480, ge=10, le=43_200, allow_inf_nan=False)
    """Seconds of inference after which a task is interrupted and fails. 480 by default, the longest inference that a
    terminating pod can finish; a higher value requires `interruptible`."""

    interruptible: bool = False
    """Allow a `longestTask` above 480. When a pod is terminated, its running task is returned to the queue and restarts
    from the start. Off by default, because the work done until then is lost."""

    backlog_limit: int | None = Field(default=None, ge=1, le=10_000)
    """Maximum number of waiting tasks. At this limit, new tasks are rejected with 429 and the expected wait time. A
    submit counts the waiting tasks at most once per second, which reads as many items from an index. By default,
    unlimited: waiting tasks are not lost, and a task can specify its own expiration."""

    retired: bool = False
    """Reject new tasks with 409 and finish the accepted ones, the first step of removing a runtime. v1alpha1 requests
    are routed to another runtime with the same checkpoint. Off by default. Queue, pods and nodes do not change."""

    extra_values: ExtraValues = ExtraValues()
    """The defaults fit SD 1.5 and SDXL on one A10G or L4 GPU."""

    @property
    def for_task_api(self) -> dict[str, str | bool | float]:
        """The settings that the task API needs, without those that have the API's defaults."""
        scaling = self.extra_values.runtime.scaling
        known = {
            "name": self.name,
            "type": self.type,
            "model_filename": self.model_filename,
            "dynamic_model": self.dynamic_model or None,
            "retired": self.retired or None,
            "backlog_limit": self.backlog_limit,
            "typical_task_s": scaling.typical_task,
            "max_replicas": scaling.max_replica_count,
            "max_input_mib": self.extra_values.runtime.queue_agent.max_input_mb,
        }
        return {name: value for name, value in known.items() if value is not None}

    @property
    def runtime_type(self) -> RuntimeType:
        """The properties of its type."""
        return RUNTIME_TYPES[self.type]

    @property
    def input_sizes(self) -> InputSizes:
        """Size limits of its tasks' inputs."""
        return self.runtime_type.input_sizes(self.extra_values.runtime.queue_agent.max_input_mb)

    @property
    def drain_s(self) -> int:
        """Seconds that an inference can continue after its pod is terminated."""
        return math.ceil(min(self.longest_task, LONGEST_DRAIN_S))

    @property
    def grace_period_s(self) -> int:
        """Termination grace period of a pod in seconds: for its inference, and one minute to deliver the result."""
        return self.drain_s + 60

    @field_validator("type", mode="before")
    @classmethod
    def _lower_case(cls, value: object) -> object:
        # Files of the existing solution use SDWebUI and ComfyUI.
        return value.lower() if isinstance(value, str) else value
