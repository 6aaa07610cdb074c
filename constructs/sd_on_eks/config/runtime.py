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
"""Longest inference that a pod is allowed to finish when it is told to stop. A minute for delivery on top keeps it
below the 600 s after which a node that is taken away is gone, and the model volume with it."""


class ExtraValues(ConfigModel):
    """`modelsRuntime[].extraValues`: what pods and nodes of the runtime are like."""

    karpenter: Karpenter = Karpenter()
    """The runtime's nodes."""

    runtime: Workload = Workload()
    """The runtime's pods."""


class ModelsRuntime(ConfigModel):
    """One runtime: a queue, the pods that serve it, and the nodes they run on."""

    name: RuntimeName
    """What callers put into `task.metadata.runtime`; also part of ids, so a change makes another runtime."""

    namespace: DnsLabel = "default"
    """Kubernetes namespace of its pods."""

    type: RuntimeTypeName = Field(
        description="Which inference server: "
        + " or ".join(f"{one.name} ({one.server})" for one in RUNTIME_TYPES.values())
        + "."
    )

    model_filename: FileName | None = None
    """The checkpoint of an sdwebui runtime, a file of the model bucket: what a task runs that names none. By default
    none, which needs `dynamicModel`, and a task must name one."""

    dynamic_model: bool = False
    """Let an sdwebui runtime switch to the checkpoint that a task names, any of the model bucket. Off by default, when
    a task that names another is refused: a switch takes as long as a load, and every other task waits."""

    longest_task: float = Field(default=480, ge=10, le=43_200, allow_inf_nan=False)
    """Seconds of inference after which a task is interrupted and fails. 480 by default, the longest that a pod may
    finish when it is told to stop; more needs `interruptible`."""

    interruptible: bool = False
    """Let tasks be longer than that: one that runs when its pod is told to stop is given back and begins anew. Off by
    default: the work until then is lost."""

    backlog_limit: int | None = Field(default=None, ge=1, le=10_000)
    """Tasks that may wait; with so many, a further one is refused with 429 and the wait that is expected. They are
    counted at a submit, which costs as many reads of an index, at most once a second. By default any number: nothing is
    lost by waiting, and a task can say itself when it is of no use any more."""

    retired: bool = False
    """Refuse new tasks with 409 and finish those that were accepted, the first step of removing a runtime; v1alpha1
    looks for another runtime that serves the checkpoint. Off by default. Queue, pods and nodes stay as they are."""

    extra_values: ExtraValues = ExtraValues()
    """Its pods and its nodes. By default what fits SD 1.5 and SDXL on one A10G or L4."""

    @property
    def for_task_api(self) -> dict[str, str | bool | float]:
        """What the task API knows of it; what is as the API presumes is left out."""
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
        """What each runtime of its type does."""
        return RUNTIME_TYPES[self.type]

    @property
    def input_sizes(self) -> InputSizes:
        """Bounds of its tasks' inputs."""
        return self.runtime_type.input_sizes(self.extra_values.runtime.queue_agent.max_input_mb)

    @property
    def drain_s(self) -> int:
        """How long an inference may go on when its pod is told to stop."""
        return math.ceil(min(self.longest_task, LONGEST_DRAIN_S))

    @property
    def grace_period_s(self) -> int:
        """How long a pod may go on when it is told to stop: its inference, and a minute to deliver it."""
        return self.drain_s + 60

    @field_validator("type", mode="before")
    @classmethod
    def _lower_case(cls, value: object) -> object:
        # Existing files write SDWebUI and ComfyUI.
        return value.lower() if isinstance(value, str) else value
