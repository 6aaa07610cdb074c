"""The outputs of a workflow: files, images from the websocket, and texts."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, Final

from queue_agent.errors import RuntimeUnavailableError, TaskFailedError
from queue_agent.runtimes.base import Description, OutputFile, TaskWarning
from queue_agent.runtimes.comfyui.refusal import blocked_branch, is_blocked
from queue_agent.runtimes.comfyui.socket_images import SocketImages
from queue_agent.runtimes.comfyui.ui_values import (
    INPUT,
    OUTPUT,
    TEMP,
    NodeFile,
    Place,
    node_files,
    node_texts,
)
from queue_agent.runtimes.comfyui.watch import Watch, messages_of
from queue_agent.runtimes.http import OK, PATIENCE_S, Reply, RuntimeHttp, attempt
from queue_agent.runtimes.media import UNKNOWN, kind_of_data, kind_of_name

_NOT_THERE: Final = frozenset({400, 403, 404})
"""Status codes for a file that does not exist, or is outside of the server's folders."""


class ComfyUiOutputs:
    """The outputs of a prompt.

    Args:
        http: HTTP to the server.
        watch: polls the prompt.
        summary: the known part of the summary.
        node_errors: validation errors of the nodes that the server skipped, by node id.
        warnings: warnings from events.
        images: images from the websocket.

    Attributes:
        shown: `ui` values by node id, once they are read.
        viewed: files of viewer nodes that the workflow has written.
    """

    def __init__(
        self,
        http: RuntimeHttp,
        watch: Watch,
        *,
        summary: Mapping[str, Any],
        node_errors: Mapping[str, str],
        warnings: Sequence[TaskWarning],
        images: SocketImages,
    ) -> None:
        self._http = http
        self._watch = watch
        self._summary = {**summary, **({"node_errors": dict(node_errors)} if node_errors else {})}
        invalid = (TaskWarning(code="invalid_node", message=said, node_id=key) for key, said in node_errors.items())
        self._warnings = list(dict.fromkeys([*invalid, *warnings]))
        self._images = images
        self._cached: set[str] = set()
        self.shown: dict[str, Any] = {}
        self.viewed: set[Place] = set()

    async def files(self) -> AsyncIterator[OutputFile]:
        """Yield all output files and texts. Preview files are outputs only if there are no other files."""
        await self._read_history()
        texts = node_texts(self.shown)
        if texts:
            self._summary["texts"] = [text for _, text in texts]
        found, text_nodes = bool(texts), {node_id for node_id, _ in texts}
        written: set[tuple[str | None, bytes]] = set()
        async for output in self._made():
            found = True
            if output.node_id in text_nodes:
                written.add((output.node_id, output.data.strip()))
            yield output
        for node_id, text in texts:
            data = text.encode("utf-8", "replace")
            # A node that saves text also shows it.
            if (node_id, data.strip()) not in written:
                yield OutputFile(data=data, extension="txt", content_type="text/plain", node_id=node_id)
        if not found:
            raise self._no_output()

    def description(self) -> Description:
        """Seeds and models of the workflow, texts, and the `ui` values."""
        return Description(summary=self._summary, response={"outputs": self.shown}, warnings=self._warnings)

    async def _read_history(self) -> None:
        entry = await self._watch.history()
        self.shown = entry.get("outputs") or {}
        self._warn(*(blocked_branch(data) for data in messages_of(entry, "execution_error") if is_blocked(data)))
        cached = (data.get("nodes") or [] for data in messages_of(entry, "execution_cached"))
        self._cached = {str(node_id) for nodes in cached for node_id in nodes}
        if self._cached & self._images.senders:
            await self._drop_cache("images from the websocket")

    async def _made(self) -> AsyncIterator[OutputFile]:
        """The files of the highest rank that has any, and the images from the websocket."""
        for files in _by_rank(node_files(self.shown)):
            is_last = bool(self._images.images)
            for file in files:
                output = await self._fetch(file)
                if output is not None:
                    is_last = True
                    yield output
            if is_last:
                break
        for node_id, data in self._images.images:
            media = kind_of_data(data)
            yield OutputFile(data=data, extension=media.extension, content_type=media.content_type, node_id=node_id)

    def _warn(self, *warnings: TaskWarning) -> None:
        self._warnings = list(dict.fromkeys([*self._warnings, *warnings]))

    def _no_output(self) -> TaskFailedError:
        reasons = "; ".join(f"node {warning.node_id}: {warning.message}" for warning in self._warnings)
        return TaskFailedError(
            "no_output",
            "the workflow completed without an output" + (f": {reasons}" if reasons else ""),
            node_errors=self._summary.get("node_errors"),
        )

    async def _fetch(self, file: NodeFile) -> OutputFile | None:
        """Fetch a file; None, and a warning, if it is not required.

        Raises:
            TaskFailedError: the server does not return a file that it has written.
            RuntimeUnavailableError: the server failed, or returned a deleted file from its cache.
        """
        inside = [place for place in file.places if place.is_inside]
        for place in inside:
            reply = await self._view(place)
            if reply.status == OK:
                if file.is_viewed and place.folder != INPUT:  # an input was not written by the workflow
                    self.viewed.add(place)
                return _output(file.node_id, place, reply.body)
            if reply.status not in _NOT_THERE:
                raise TaskFailedError("runtime_error", f"the runtime does not return {file.name!r}: {reply.status}")
        if file.is_viewed or not inside:
            message = f"the runtime does not return {file.name!r}, which the node shows"
            self._warn(TaskWarning(code="file_unavailable", message=message, node_id=file.node_id))
            return None
        if file.node_id in self._cached:
            await self._drop_cache(file.name)
        raise TaskFailedError("runtime_error", f"the runtime does not return {file.name!r}: {reply.status}")

    async def _view(self, place: Place) -> Reply:
        where = {"filename": place.name, "subfolder": place.subfolder, "type": place.folder}
        with attempt(counts=True):
            return await self._http.get("/view", parameters=where, timeout_s=PATIENCE_S)

    async def _drop_cache(self, what: str) -> None:
        """Clear the cache of the server, so that the next attempt runs all nodes.

        Raises:
            RuntimeUnavailableError: always; the attempt counts.
        """
        with attempt(counts=True):
            await self._http.post("/free", {"free_memory": True}, timeout_s=PATIENCE_S)
        raise RuntimeUnavailableError(
            f"the runtime responded from its cache, and the cached output no longer exists: {what}", accepted=True
        )


def _by_rank(files: Sequence[NodeFile]) -> Iterator[list[NodeFile]]:
    """Saved files, then preview files, then inputs that a viewer shows."""
    for folder in (OUTPUT, TEMP, INPUT):
        of_folder = [file for file in files if file.places[0].folder == folder]
        yield [file for file in of_folder if file.is_viewed] if folder == INPUT else of_folder


def _output(node_id: str, place: Place, data: bytes) -> OutputFile:
    media = kind_of_name(place.name)
    if media is UNKNOWN:
        media = kind_of_data(data)
    return OutputFile(
        data=data,
        extension=media.extension,
        content_type=media.content_type,
        node_id=node_id,
        name=place.name,
        subfolder=place.subfolder,
    )
