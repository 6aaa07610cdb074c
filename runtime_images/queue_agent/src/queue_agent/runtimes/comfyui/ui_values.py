"""The `ui` values of nodes: files on the server's disk and texts, among values that only the editor uses.

A node returns lists under arbitrary keys. The server joins the lists of a node that ran for several items, and splits
every value that is not a list: a string into its characters, a dict into its keys. The type of a value follows from its
structure and, for strings, from its key: only the keys of text nodes have texts, because nodes show prompts, messages
and base64 images under many other keys. `.out` has all values.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

from queue_agent.runtimes.media import kind_of_name
from queue_agent.runtimes.output_kind import MODELS_3D

OUTPUT: Final = "output"
TEMP: Final = "temp"
INPUT: Final = "input"
_FOLDERS: Final = (OUTPUT, TEMP, INPUT)
"""The server's folders, in search order for a file whose folder the server does not name."""
_TEXT_KEYS: Final = frozenset({"text", "texts", "string", "strings", "tags", "caption", "captions"})
_VIEWER: Final = "result"
"""The key of a 3D viewer with the name of its file, as a string."""
_UNFINISHED: Final = "unfinished_batch"


@dataclass(frozen=True, slots=True)
class Place:
    """Location of a file on the server.

    Attributes:
        folder: `output`, `temp` or `input`.
        subfolder: relative to the folder; may be empty.
        name: name of the file, without a slash.
    """

    folder: str
    subfolder: str
    name: str

    @property
    def is_inside(self) -> bool:
        """Whether the path is inside its folder. A node may name any path, and the server returns no other files."""
        parts = [*self.subfolder.split("/"), self.name]
        return self.folder in _FOLDERS and not self.subfolder.startswith("/") and ".." not in parts


@dataclass(frozen=True, slots=True)
class NodeFile:
    """A file in the `ui` values of a node.

    Attributes:
        node_id: id of the node.
        places: possible locations, the most likely first.
        is_viewed: whether the node only shows the file, which may not exist.
    """

    node_id: str
    places: tuple[Place, ...]
    is_viewed: bool = False

    @property
    def name(self) -> str:
        """Name of the file."""
        return self.places[0].name


def node_files(outputs: Mapping[str, Any]) -> list[NodeFile]:
    """All files of the nodes, without duplicates, in their order.

    Args:
        outputs: `ui` values by node, from `/history` or an `executed` event.
    """
    named = {file.places: file for file in _named_files(outputs)}
    known = {(place.subfolder, place.name) for place, *_ in named}
    for file in _viewed_files(outputs):
        # Nodes that save a model also show it, often without the folder.
        if (file.places[0].subfolder, file.name) not in known:
            named.setdefault(file.places, file)
    return list(named.values())


def node_texts(outputs: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Node id and text of all texts of the nodes, in their order, without duplicates and blank texts."""
    found = ((node_id, text) for node_id, key, values in _lists(outputs) for text in _texts(key, values))
    return list(dict.fromkeys((node_id, text) for node_id, text in found if text.strip()))


def is_unfinished_batch(output: object) -> bool:
    """Whether a node reports that it queued the rest of its work as another prompt."""
    return isinstance(output, dict) and any(output.get(_UNFINISHED) or [])


def left_files(outputs: Mapping[str, Any]) -> set[Place]:
    """All files that the nodes wrote, without inputs."""
    places = set()
    for _, _, values in _lists(outputs):
        for value in values:
            if not _is_file(value):
                continue
            place = _place(value)
            places.add(place)
            if isinstance(value.get("workflow"), str):
                # Video Helper Suite also saves the first frame of each video, and the video without its audio.
                for name in (value["workflow"], place.name.replace("-audio.", ".")):
                    places.add(Place(place.folder, place.subfolder, name))
    return {place for place in places if place.is_inside and place.folder != INPUT}


def _named_files(outputs: Mapping[str, Any]) -> Iterator[NodeFile]:
    for node_id, _, values in _lists(outputs):
        yield from (NodeFile(node_id, (_place(value),)) for value in values if _is_file(value))


def _viewed_files(outputs: Mapping[str, Any]) -> Iterator[NodeFile]:
    """Files of viewer nodes: `mesh/x.glb`, or `mesh/x.glb [temp]` from servers that name the folder."""
    for node_id, key, values in _lists(outputs):
        for value in values if key == _VIEWER else ():
            if not isinstance(value, str):
                continue
            named = [folder for folder in _FOLDERS if value.endswith(f" [{folder}]")]
            folders = named or _FOLDERS
            path = value.removesuffix(f" [{folders[0]}]")
            if kind_of_name(path).extension in MODELS_3D:
                yield NodeFile(node_id, tuple(_split(folder, "", path) for folder in folders), is_viewed=True)


def _texts(key: str, values: list[Any]) -> list[str]:
    strings = [value for value in values if isinstance(value, str)]
    if key.lower() not in _TEXT_KEYS:
        return []
    is_taken_apart = len(strings) > 1 and all(len(string) == 1 for string in strings)
    return ["".join(strings)] if is_taken_apart else strings


def _lists(outputs: Mapping[str, Any]) -> Iterator[tuple[str, str, list[Any]]]:
    """Node id, key and values of every list."""
    for node_id, node in outputs.items():
        if isinstance(node, dict):
            yield from ((node_id, str(key), values) for key, values in node.items() if isinstance(values, list))


def _is_file(value: object) -> bool:
    return isinstance(value, dict) and bool(value.get("filename"))


def _place(value: Mapping[str, Any]) -> Place:
    return _split(str(value.get("type") or OUTPUT), str(value.get("subfolder") or ""), str(value["filename"]))


def _split(folder: str, subfolder: str, path: str) -> Place:
    """The location of a path. The server requires the folders of the path in `subfolder`."""
    parent, separator, name = path.rpartition("/")
    if not separator:
        return Place(folder, subfolder, path)
    return Place(folder, str(PurePosixPath(subfolder, parent or "/")), name)
