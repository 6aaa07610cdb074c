"""Inputs of a task, on their way to the server's disk and away from it."""

from collections.abc import Mapping
from typing import BinaryIO, Final

import aiohttp

from queue_agent.errors import BadTaskError, RuntimeUnavailableError, TaskFailedError
from queue_agent.runtimes.base import InputFile
from queue_agent.runtimes.comfyui.features import Features
from queue_agent.runtimes.comfyui.ui_values import INPUT, Place
from queue_agent.runtimes.failures import WORDS
from queue_agent.runtimes.http import OK, PATIENCE_S, Reply, RuntimeHttp

_FOLDER: Final = "queue-agent"
_LONGEST_NAME: Final = 60
_FORM_BYTES: Final = 2**10
"""So much else there is in a request that uploads a file, more or less: the server counts it in."""
_LEAST_BYTES_PER_S: Final = 2**23
"""So fast the server takes a file at the least, on loopback and onto its disk."""


class Uploads:
    """The inputs of one claim. No other claim ever has the same names: the server caches what it has loaded by them.

    Args:
        http: HTTP to the server.
        features: say how large a file may be.
        claim_id: the claim.
    """

    def __init__(self, http: RuntimeHttp, features: Features, claim_id: str) -> None:
        self._http = http
        self._features = features
        self._claim_id = claim_id
        self._names: list[str] = []

    @property
    def places(self) -> list[Place]:
        """Where the inputs are that were uploaded."""
        return [Place(INPUT, _FOLDER, name) for name in self._names]

    async def put(self, inputs: Mapping[str, InputFile]) -> dict[str, str]:
        """Upload inputs.

        Returns:
            Place of each, below the server's folder of inputs.

        Raises:
            BadTaskError: one is larger than what the server takes; none was uploaded then.
            TaskFailedError: the server does not take one.
            RuntimeUnavailableError: the server is not there.
        """
        if inputs:
            await self._check_sizes(inputs)
        paths = {}
        for number, (name, file) in enumerate(inputs.items()):
            uploaded = f"{self._claim_id}-{number}.{file.media.extension}"
            file.file.seek(0)
            timeout_s = PATIENCE_S + file.size_bytes / _LEAST_BYTES_PER_S
            reply = await self._post(uploaded, file.file, timeout_s=timeout_s)
            if reply.status != OK:
                said = f"the runtime does not take {name!r}: {reply.status} {reply.text()}"
                raise TaskFailedError("runtime_error", said[:WORDS], status=reply.status)
            self._names.append(uploaded)
            paths[name] = f"{_FOLDER}/{uploaded}"
        return paths

    async def are_there(self) -> bool:
        """Whether the server still has them: a container that was restarted has an empty disk."""
        for name in self._names:
            where = {"filename": name, "subfolder": _FOLDER, "type": "input"}
            if (await self._http.get("/view", parameters=where)).status != OK:
                return False
        return True

    async def clear(self) -> None:
        """Leave nothing of them on the disk but their names: the server deletes no inputs."""
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
                    f"metadata.inputs.{name[:_LONGEST_NAME]} is larger than {most - _FORM_BYTES} bytes, "
                    "the most that the runtime takes (--max-upload-size)",
                )

    async def _post(self, name: str, data: bytes | BinaryIO, *, timeout_s: float | None = None) -> Reply:
        form = aiohttp.FormData({"subfolder": _FOLDER, "type": "input", "overwrite": "true"})
        form.add_field("image", data, filename=name, content_type="application/octet-stream")
        return await self._http.post_form("/upload/image", form, timeout_s=timeout_s)
