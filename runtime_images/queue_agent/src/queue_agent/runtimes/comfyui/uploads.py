"""Uploads the inputs of a task to the server, and empties them afterwards."""

from collections.abc import Mapping
from typing import BinaryIO, Final

import aiohttp

from queue_agent.errors import BadTaskError, RuntimeUnavailableError, TaskFailedError
from queue_agent.runtimes.base import InputFile
from queue_agent.runtimes.comfyui.features import Features
from queue_agent.runtimes.comfyui.ui_values import INPUT, Place
from queue_agent.runtimes.failures import MAX_MESSAGE_LENGTH
from queue_agent.runtimes.http import OK, PATIENCE_S, Reply, RuntimeHttp

_FOLDER: Final = "queue-agent"
_MAX_NAME_LENGTH: Final = 60
_FORM_BYTES: Final = 2**10
"""Overhead of an upload request, which counts against the server's limit."""
_MIN_BYTES_PER_S: Final = 2**23
"""Minimum speed of an upload, over loopback to the server's disk."""


class Uploads:
    """The inputs of one claim. File names are unique for each claim, because the server caches loaded files by name.

    Args:
        http: HTTP client of the server.
        features: for the maximum upload size.
        claim_id: id of the claim.
    """

    def __init__(self, http: RuntimeHttp, features: Features, claim_id: str) -> None:
        self._http = http
        self._features = features
        self._claim_id = claim_id
        self._names: list[str] = []

    @property
    def places(self) -> list[Place]:
        """Locations of the uploaded inputs."""
        return [Place(INPUT, _FOLDER, name) for name in self._names]

    async def put(self, inputs: Mapping[str, InputFile]) -> dict[str, str]:
        """Upload inputs.

        Returns:
            Path of each input, relative to the server's input folder.

        Raises:
            BadTaskError: an input is larger than the server's limit. Nothing was uploaded.
            TaskFailedError: the server rejected an input.
            RuntimeUnavailableError: the server is unavailable.
        """
        if inputs:
            await self._check_sizes(inputs)
        paths = {}
        for number, (name, file) in enumerate(inputs.items()):
            uploaded = f"{self._claim_id}-{number}.{file.media.extension}"
            file.file.seek(0)
            timeout_s = PATIENCE_S + file.size_bytes / _MIN_BYTES_PER_S
            reply = await self._post(uploaded, file.file, timeout_s=timeout_s)
            if reply.status != OK:
                said = f"the runtime rejected the input {name!r}: {reply.status} {reply.text()}"
                raise TaskFailedError("runtime_error", said[:MAX_MESSAGE_LENGTH], status=reply.status)
            self._names.append(uploaded)
            paths[name] = f"{_FOLDER}/{uploaded}"
        return paths

    async def are_there(self) -> bool:
        """Whether the server still has the inputs. A restarted container has an empty disk."""
        for name in self._names:
            where = {"filename": name, "subfolder": _FOLDER, "type": "input"}
            if (await self._http.get("/view", parameters=where)).status != OK:
                return False
        return True

    async def clear(self) -> None:
        """Replace the inputs by empty files. The server has no operation to delete inputs."""
        for name in self._names:
            try:
                await self._post(name, b"")
            except RuntimeUnavailableError:
                return

    async def _check_sizes(self, inputs: Mapping[str, InputFile]) -> None:
        most = await self._features.max_upload_bytes()
        for name, file in inputs.items():
            if most is not None and file.size_bytes > most - _FORM_BYTES:
                raise BadTaskError(
                    "input",
                    f"metadata.inputs.{name[:_MAX_NAME_LENGTH]} must be at most {most - _FORM_BYTES} bytes, "
                    "the limit of the runtime (--max-upload-size)",
                )

    async def _post(self, name: str, data: bytes | BinaryIO, *, timeout_s: float | None = None) -> Reply:
        form = aiohttp.FormData({"subfolder": _FOLDER, "type": "input", "overwrite": "true"})
        form.add_field("image", data, filename=name, content_type="application/octet-stream")
        return await self._http.post_form("/upload/image", form, timeout_s=timeout_s)
