"""What is measured."""

import uuid
from dataclasses import dataclass
from typing import Any, Final, Literal

Server = Literal["sdwebui", "comfyui"]

IMAGE_BYTES: Final = 1_500_000
"""A PNG of 1024 x 1024 pixels."""
LATENCY_MS: Final = 15.0
"""Of a call to an AWS service from within its region."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A case.

    Attributes:
        server: which inference server the stand-in is for.
        seconds: of an inference.
        images: pictures of each task.
        tasks: how many tasks wait from the beginning.
        agents: how many agents work them off, each on a server of its own.
        with_loop: whether the loop is measured beside.
        least_busy: least share of the time that the GPU has to be busy, where there is a limit.
        most_cpu_ms: most processor time of the agent for a task, where there is a limit.
        most_memory_mib: most memory of an agent at any time, where there is a limit.
        most_growth_mib: most memory that each 1,000 further tasks may cost, where there is a limit.
    """

    server: Server
    seconds: float
    images: int
    tasks: int
    agents: int = 1
    with_loop: bool = True
    least_busy: float | None = None
    most_cpu_ms: float | None = None
    most_memory_mib: float | None = None
    most_growth_mib: float | None = None

    @property
    def name(self) -> str:
        """For tables."""
        many = f", {self.agents} agents" if self.agents > 1 else ", long" if self.most_growth_mib is not None else ""
        return f"{self.server}, {self.seconds:g} s, {self.images} image{'s' if self.images > 1 else ''}{many}"

    def messages(self) -> list[dict[str, Any]]:
        """One message a task."""
        return [self._message(number) for number in range(self.tasks)]

    def _message(self, number: int) -> dict[str, Any]:
        tasktype = "text-to-image" if self.server == "sdwebui" else "pipeline"
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
        return {
            "5": {"class_type": "EmptyLatentImage", "inputs": latent},
            "6": {"class_type": "CLIPTextEncode", "inputs": {"text": f"a cat {uuid.uuid4()}"}},
            "3": {"class_type": "KSampler", "inputs": {"seed": number, "steps": 20, "positive": ["6", 0]}},
            "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "x", "images": ["3", 0]}},
        }


CASES: Final = (
    Case(server="sdwebui", seconds=0.2, images=1, tasks=120, least_busy=0.98, most_cpu_ms=25, most_memory_mib=80),
    Case(server="comfyui", seconds=0.2, images=1, tasks=120, least_busy=0.97, most_cpu_ms=25, most_memory_mib=80),
    Case(server="sdwebui", seconds=0.2, images=4, tasks=120, least_busy=0.955, most_cpu_ms=50, most_memory_mib=100),
    Case(server="comfyui", seconds=0.2, images=4, tasks=120, least_busy=0.945, most_cpu_ms=50, most_memory_mib=100),
    Case(server="sdwebui", seconds=2, images=1, tasks=30, least_busy=0.997, most_cpu_ms=25, most_memory_mib=80),
    Case(server="comfyui", seconds=2, images=1, tasks=30, least_busy=0.996, most_cpu_ms=25, most_memory_mib=80),
    Case(server="sdwebui", seconds=20, images=1, tasks=4, most_memory_mib=80),
    Case(server="sdwebui", seconds=0.2, images=1, tasks=200, agents=2, with_loop=False, most_memory_mib=80),
    Case(
        server="sdwebui",
        seconds=0.05,
        images=1,
        tasks=1_200,
        with_loop=False,
        most_memory_mib=80,
        most_growth_mib=1,
    ),
)
