"""What came out of a workflow: files, which are fetched one by one, and texts."""

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from queue_agent.errors import TaskFailedError
from queue_agent.runtimes.base import Description, OutputFile
from queue_agent.runtimes.comfyui.watch import Watch
from queue_agent.runtimes.http import OK, PATIENCE_S, RuntimeHttp, attempt
from queue_agent.runtimes.media import UNKNOWN, kind_of_data, kind_of_name

_MODELS_3D: Final = frozenset({"fbx", "glb", "gltf", "ksplat", "obj", "ply", "splat", "spz", "stl", "usdz"})
_VIEWER: Final = "result"
"""Where a viewer of 3D models says which file it shows: a path below the folder of outputs."""
_OUTPUT: Final = "output"
_TEMP: Final = "temp"


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a file is on the server."""

    folder: str
    subfolder: str
    name: str


class ComfyUiOutputs:
    """The outputs of a prompt.

    Args:
        http: HTTP to the server.
        watch: of the prompt.
        summary: what is known of the task already.
        node_errors: what the server left out of the graph, by node.
    """

    def __init__(
        self, http: RuntimeHttp, watch: Watch, *, summary: Mapping[str, Any], node_errors: Mapping[str, str]
    ) -> None:
        self._http = http
        self._watch = watch
        self._summary = {**summary, **({"node_errors": dict(node_errors)} if node_errors else {})}
        self._response: dict[str, Any] = {}

    async def files(self) -> AsyncIterator[OutputFile]:
        """Every file that is an output, and every text; files of previews only where there is no other file."""
        outputs = (await self._watch.history()).get("outputs") or {}
        self._response = {"outputs": outputs}
        places, texts = list(dict.fromkeys(_places(outputs))), list(_texts(outputs))
        if texts:
            self._summary["texts"] = texts
        kept = [place for place in places if place.folder == _OUTPUT]
        kept = kept or [place for place in places if place.folder == _TEMP]
        if not kept and not texts:
            raise TaskFailedError(
                "no_output", "the workflow ended without an output", node_errors=self._summary.get("node_errors")
            )
        for place in kept:
            yield await self._fetch(place)
        for text in texts:
            yield OutputFile(data=text.encode("utf-8", "replace"), extension="txt", content_type="text/plain")

    def description(self) -> Description:
        """Seeds and models of the workflow, texts, and where the server keeps the files."""
        return Description(summary=self._summary, response=self._response)

    async def _fetch(self, place: _Place) -> OutputFile:
        where = {"filename": place.name, "subfolder": place.subfolder, "type": place.folder}
        with attempt(counts=True):
            reply = await self._http.get("/view", parameters=where, timeout_s=PATIENCE_S)
        if reply.status != OK:
            raise TaskFailedError("runtime_error", f"the runtime does not hand out {place.name!r}: {reply.status}")
        media = kind_of_name(place.name)
        if media is UNKNOWN:
            media = kind_of_data(reply.body)
        return OutputFile(data=reply.body, extension=media.extension, content_type=media.content_type)


def _lists(outputs: Mapping[str, Any]) -> Iterator[tuple[str, list[Any]]]:
    for node in outputs.values():
        if isinstance(node, dict):
            yield from ((key, values) for key, values in node.items() if isinstance(values, list))


def _places(outputs: Mapping[str, Any]) -> Iterator[_Place]:
    for key, values in _lists(outputs):
        if key == _VIEWER and values and _is_model(values[0]):
            subfolder, _, name = values[0].rpartition("/")
            yield _Place(_OUTPUT, subfolder, name)
        for value in values:
            if isinstance(value, dict) and value.get("filename"):
                folder = str(value.get("type") or _OUTPUT)
                yield _Place(folder, str(value.get("subfolder") or ""), str(value["filename"]))


def _texts(outputs: Mapping[str, Any]) -> Iterator[str]:
    for key, values in _lists(outputs):
        if key != _VIEWER:
            yield from (value for value in values if isinstance(value, str))


def _is_model(value: Any) -> bool:  # noqa: ANN401 (any JSON value)
    return isinstance(value, str) and kind_of_name(value).extension in _MODELS_3D
