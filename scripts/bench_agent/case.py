"""The cases of the benchmark."""

import random
import uuid
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any, Final, Literal

from task_record.runtime_types import RUNTIME_TYPES, RuntimeTypeName

Who = Literal["agent", "previous agent", "loop"]

IMAGE_BYTES: Final = 1_500_000
"""A PNG of 1024 x 1024 pixels."""
LATENCY_MS: Final = 15.0
"""Latency of a call to AWS in the same region."""
QUICK_NODE_S: Final = 0.01
_FEWEST_QUICK_NODES: Final = 2
_SEED: Final = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A case.

    Attributes:
        server: type of the inference server.
        seconds: duration of an inference.
        images: images per task.
        tasks: number of tasks in the queue at the start.
        agents: number of agents, each with its own server.
        arrivals_per_s: arrival rate of the tasks (a Poisson process). Without it, all tasks are in the queue at the
            start.
        quick_nodes: number of nodes of `QUICK_NODE_S` before the sampler (ComfyUI).
        beside: what the current agent is compared with.
        least_busy: minimum share of the time in which the GPU is busy, if there is a limit.
        most_cpu_ms: maximum CPU time of the agent per task, if there is a limit.
        most_memory_mib: maximum memory of an agent, if there is a limit.
        most_growth_mib: maximum memory growth per 1,000 tasks, if there is a limit.
        most_idle_hold_ms: maximum time that a task is held while another GPU is idle, if there is a limit.
        as_even: name of the case with equal length and even progress; at most 20 % more writes are allowed.
    """

    server: RuntimeTypeName
    seconds: float
    images: int
    tasks: int
    agents: int = 1
    arrivals_per_s: float | None = None
    quick_nodes: int | None = None
    beside: tuple[Who, ...] = ("loop",)
    least_busy: float | None = None
    most_cpu_ms: float | None = None
    most_memory_mib: float | None = None
    most_growth_mib: float | None = None
    most_idle_hold_ms: float | None = None
    as_even: str | None = None

    @property
    def name(self) -> str:
        """Name of the case in tables."""
        many = f", {self.agents} agents" if self.agents > 1 else ", long" if self.most_growth_mib is not None else ""
        nodes = "" if self.quick_nodes is None else f", {self.quick_nodes} quick nodes"
        return f"{self.server}, {self.seconds:g} s, {self.images} image{'s' if self.images > 1 else ''}{nodes}{many}"

    def arrivals_s(self) -> list[float]:
        """Arrival time of each task, in seconds; equal in all runs."""
        if self.arrivals_per_s is None:
            return [0.0] * self.tasks
        chance = random.Random(_SEED)  # noqa: S311 (no secret)
        return [*accumulate(chance.expovariate(self.arrivals_per_s) for _ in range(self.tasks))]

    def messages(self) -> list[dict[str, Any]]:
        """One message per task."""
        return [self._message(number) for number in range(self.tasks)]

    def _message(self, number: int) -> dict[str, Any]:
        tasktype = RUNTIME_TYPES[self.server].task_types[0].name
        metadata = {
            "id": f"task-{number}",
            "runtime": "bench",
            "tasktype": tasktype,
            "owner": "bench",
            "submission": f"01J{number:023}",
            "schema_version": 1,
            "context": {"number": number},
        }
        return {"task": {"metadata": metadata, "content": self._content(number)}}

    def _content(self, number: int) -> dict[str, Any]:
        if self.server == "sdwebui":
            return {"prompt": f"a cat, number {number}", "steps": 20, "seed": number, "batch_size": self.images}
        latent = {"width": 512, "height": 512, "batch_size": self.images}
        quick = {
            f"quick-{node}": {"class_type": "CLIPTextEncode", "inputs": {"text": f"quick {node}"}}
            for node in range((self.quick_nodes or _FEWEST_QUICK_NODES) - _FEWEST_QUICK_NODES)
        }
        return quick | {
            "5": {"class_type": "EmptyLatentImage", "inputs": latent},
            "6": {"class_type": "CLIPTextEncode", "inputs": {"text": f"a cat {uuid.uuid4()}"}},
            "3": {"class_type": "KSampler", "inputs": {"seed": number, "steps": 20, "positive": ["6", 0]}},
            "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "x", "images": ["3", 0]}},
        }


_EVEN: Final = Case(
    server="comfyui",
    seconds=4.34,
    images=1,
    quick_nodes=5,
    tasks=24,
    agents=2,
    arrivals_per_s=0.285,
    beside=(),
    most_idle_hold_ms=20,
)
CASES: Final = (
    Case(server="sdwebui", seconds=0.2, images=1, tasks=120, least_busy=0.98, most_cpu_ms=25, most_memory_mib=80),
    Case(server="comfyui", seconds=0.2, images=1, tasks=120, least_busy=0.97, most_cpu_ms=25, most_memory_mib=80),
    Case(server="sdwebui", seconds=0.2, images=4, tasks=120, least_busy=0.955, most_cpu_ms=50, most_memory_mib=100),
    Case(server="comfyui", seconds=0.2, images=4, tasks=120, least_busy=0.945, most_cpu_ms=50, most_memory_mib=100),
    Case(server="sdwebui", seconds=2, images=1, tasks=30, least_busy=0.997, most_cpu_ms=25, most_memory_mib=80),
    Case(server="comfyui", seconds=2, images=1, tasks=30, least_busy=0.996, most_cpu_ms=25, most_memory_mib=80),
    Case(server="sdwebui", seconds=20, images=1, tasks=4, most_memory_mib=80),
    Case(server="sdwebui", seconds=0.2, images=1, tasks=200, agents=2, beside=(), most_memory_mib=80),
    Case(
        server="sdwebui",
        seconds=0.05,
        images=1,
        tasks=1_200,
        beside=(),
        most_memory_mib=80,
        most_growth_mib=1,
    ),
    _EVEN,
    replace(_EVEN, seconds=4, quick_nodes=39, beside=("previous agent",), as_even=_EVEN.name),
)
