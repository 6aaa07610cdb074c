"""The client of each runtime type."""

from collections.abc import Callable, Mapping
from typing import Final

from queue_agent.runtimes.base import ClientSettings, Runtime
from queue_agent.runtimes.comfyui import ComfyUi
from queue_agent.runtimes.comfyui.finished_files import FinishedFiles
from queue_agent.runtimes.http import RuntimeHttp
from queue_agent.runtimes.sdwebui import SdWebUi
from task_record.runtime_types import RuntimeTypeName


def client_of(settings: ClientSettings, http: RuntimeHttp) -> Runtime:
    """Create the client of the inference server."""
    return _CLIENTS[settings.runtime_type.name](settings, http)


def _sdwebui(settings: ClientSettings, http: RuntimeHttp) -> Runtime:
    return SdWebUi(http, model_filename=settings.model_filename, dynamic_model=settings.dynamic_model)


def _comfyui(settings: ClientSettings, http: RuntimeHttp) -> Runtime:
    return ComfyUi(http, FinishedFiles(settings.finished_files))


_CLIENTS: Final[Mapping[RuntimeTypeName, Callable[[ClientSettings, RuntimeHttp], Runtime]]] = {
    "sdwebui": _sdwebui,
    "comfyui": _comfyui,
}
