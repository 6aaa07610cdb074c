"""The models that the SD Web UI has, and the one that is loaded."""

from pathlib import PurePosixPath
from typing import Final

from queue_agent.errors import BadTaskError
from queue_agent.runtimes.http import OK, PATIENCE_S, RuntimeHttp
from queue_agent.runtimes.sdwebui.refusal import refusal

_SUFFIXES: Final = (".safetensors", ".ckpt", ".pt")
_SWITCH_S: Final = 300.0


class Checkpoints:
    """Finds and loads checkpoints. They are told apart by their files' names: a title's hash comes and goes.

    Args:
        http: HTTP to the server.
    """

    def __init__(self, http: RuntimeHttp) -> None:
        self._http = http
        self._loaded: str | None = None

    async def title_of(self, wanted: str) -> str:
        """Title of a checkpoint, which is what the server takes. It runs the current one for a title that it lacks.

        Raises:
            BadTaskError: the server does not have it.
            TaskFailedError: the server cannot say.
            RuntimeUnavailableError: the server is not there.
        """
        titles = await self._titles()
        if file_name(wanted) not in titles:
            # It may have come to the bucket after the server had looked.
            await self._http.post("/sdapi/v1/refresh-checkpoints", {}, timeout_s=PATIENCE_S)
            titles = await self._titles()
        if file_name(wanted) not in titles:
            raise BadTaskError("unknown_checkpoint", f"{wanted!r} is none of: {', '.join(sorted(titles))}")
        return titles[file_name(wanted)]

    async def load(self, title: str) -> None:
        """Load a checkpoint, unless it is.

        Raises:
            TaskFailedError: the server cannot load it.
            RuntimeUnavailableError: the server is not there.
        """
        wanted = file_name(title)
        if self._loaded == wanted:
            return
        current = (await self._http.get("/sdapi/v1/options", timeout_s=PATIENCE_S)).object().get("sd_model_checkpoint")
        if file_name(str(current or "")) != wanted:
            self._loaded = None
            options = {"sd_model_checkpoint": title}
            reply = await self._http.post("/sdapi/v1/options", options, timeout_s=_SWITCH_S)
            if reply.status != OK:
                raise refusal(reply)
        self._loaded = wanted

    def forget(self) -> None:
        """To be called where the server may have loaded another one by itself, or is a new process."""
        self._loaded = None

    async def _titles(self) -> dict[str, str]:
        reply = await self._http.get("/sdapi/v1/sd-models", timeout_s=PATIENCE_S)
        if reply.status != OK:
            raise refusal(reply)
        return {file_name(str(model["filename"])): str(model["title"]) for model in reply.json() or []}


def file_name(path: str) -> str:
    """File name in a path or a title, without the hash that a title may have."""
    return PurePosixPath(path.replace("\\", "/").partition(" [")[0]).name


def model_name(path: str) -> str:
    """Name of a checkpoint as the server reports it: the file's, without a checkpoint's suffix."""
    name = file_name(path)
    for suffix in _SUFFIXES:
        name = name.removesuffix(suffix)
    return name
