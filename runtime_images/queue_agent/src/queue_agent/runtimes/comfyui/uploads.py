"""Inputs of a task, on their way to the server's disk and away from it."""

from collections.abc import Mapping
from typing import Final

import aiohttp

from queue_agent.errors import RuntimeUnavailableError, TaskFailedError
from queue_agent.runtimes.base import InputFile
from queue_agent.runtimes.failures import WORDS
from queue_agent.runtimes.http import OK, PATIENCE_S, Reply, RuntimeHttp
from queue_agent.runtimes.media import UNKNOWN, kind_of_data, kind_of_name

_FOLDER: Final = "queue-agent"


class Uploads:
    """The inputs of one claim. No other claim ever has the same names: the server caches what it has loaded by them.

    Args:
        http: HTTP to the server.
        claim_id: the claim.
    """

    def __init__(self, http: RuntimeHttp, claim_id: str) -> None:
        self._http = http
        self._claim_id = claim_id
        self._names: list[str] = []

    async def put(self, inputs: Mapping[str, InputFile]) -> dict[str, str]:
        """Upload inputs.

        Returns:
            Place of each, below the server's folder of inputs.

        Raises:
            TaskFailedError: the server does not take one.
            RuntimeUnavailableError: the server is not there.
        """
        paths = {}
        for number, (name, file) in enumerate(inputs.items()):
            media = kind_of_data(file.data)
            extension = (kind_of_name(name) if media is UNKNOWN else media).extension
            uploaded = f"{self._claim_id}-{number}.{extension}"
            reply = await self._post(uploaded, file.data, timeout_s=PATIENCE_S)
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

    async def _post(self, name: str, data: bytes, *, timeout_s: float | None = None) -> Reply:
        form = aiohttp.FormData({"subfolder": _FOLDER, "type": "input", "overwrite": "true"})
        form.add_field("image", data, filename=name, content_type="application/octet-stream")
        return await self._http.post_form("/upload/image", form, timeout_s=timeout_s)
