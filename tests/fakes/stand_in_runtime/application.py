"""The server of either type, for use in process or as a process."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from aiohttp import web

from .comfyui import MAX_UPLOAD_BYTES, ComfyUi
from .faults import Faults
from .gpu import Gpu
from .images import Images
from .sdwebui import MODELS, SdWebUi
from .sdwebui_models import Flavour, Models

RuntimeType = Literal["sdwebui", "comfyui"]


def make_app(
    runtime_type: RuntimeType,
    *,
    seconds_per_task: float = 0.0,
    journal: Path | None = None,
    image_bytes: int | None = None,
    flavour: Flavour = "a1111",
    models: Sequence[str] = MODELS,
    max_upload_bytes: int | None = MAX_UPLOAD_BYTES,
    seconds_per_node: float = 0.0,
) -> web.Application:
    """Make a server.

    Args:
        runtime_type: the API to serve.
        seconds_per_task: how long an inference takes.
        journal: file with all inferences.
        image_bytes: size of an image of noise; `None` for images that show the prompt.
        flavour: variant of the SD Web UI.
        models: paths of the checkpoints in the model folder.
        max_upload_bytes: maximum request size of ComfyUI; `None` for a server that does not report it.
        seconds_per_node: how long each node takes that runs before the inference (ComfyUI).
    """
    gpu, faults, images = Gpu(seconds_per_task, journal, seconds_per_node), Faults(), Images(image_bytes)
    if runtime_type == "sdwebui":
        return SdWebUi(gpu, faults, images, Models(flavour, models)).application()
    return ComfyUi(gpu, faults, images, models, max_upload_bytes).application()
