"""A strict YAML reader that records the line of every key."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from sd_on_eks.config.errors import ConfigError, Problem

Path = tuple[str | int, ...]
"""Keys and list indexes from the root: `("modelsRuntime", 0, "name")`."""

_MOST_NODES: Final = 100_000
"""Nested aliases can expand a small file to an enormous document."""


@dataclass
class Document:
    """A file's content.

    Attributes:
        value: dicts, lists and scalars.
        lines: path -> line, from 1.
        sources: path -> the text in the file, for scalars that are not strings: `1.30` for the number 1.3.
    """

    value: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    sources: dict[Path, str] = field(default_factory=dict)

    def line_of(self, path: Path) -> int:
        """Line of a key, or of its nearest parent that is in the file."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read_document(text: str, file: str, resolver: type[yaml.SafeLoader] = yaml.SafeLoader) -> Document:
    """Read YAML.

    Args:
        text: the YAML.
        file: its name in error messages.
        resolver: the loader that gives unquoted scalars their types.

    Raises:
        ConfigError: it is not valid YAML, is not a mapping, or defines a key twice.
    """
    try:
        loader = resolver(text)
        root = loader.get_single_node()
        if root is None:
            raise ConfigError(file, [Problem(0, "", "must be a mapping of keys, got an empty file")])
        builder = _Builder(loader)
        value = builder.build(root, ())
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else 0
        raise ConfigError(file, [Problem(line, "", f"is not valid YAML: {error.problem or error.context}")]) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(file, [Problem(0, "", f"is not valid YAML: {str(error).splitlines()[0]}")]) from error
    if builder.problems:
        raise ConfigError(file, builder.problems)
    if not isinstance(value, dict):
        raise ConfigError(file, [Problem(1, "", f"must be a mapping of keys, got a {type(value).__name__}")])
    return Document(value, builder.lines, builder.sources)


def dotted(path: Path) -> str:
    """A path in dotted notation: `modelsRuntime[0].name`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


class _Builder:
    def __init__(self, loader: yaml.SafeLoader) -> None:
        self.lines: dict[Path, int] = {}
        self.sources: dict[Path, str] = {}
        self.problems: list[Problem] = []
        self._loader = loader
        self._nodes = 0

    def build(self, node: yaml.Node, path: Path) -> Any:  # noqa: ANN401 (any YAML value)
        self._nodes += 1
        if self._nodes > _MOST_NODES:
            raise ValueError(f"it has more than {_MOST_NODES} values")
        self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*path, number)) for number, item in enumerate(node.value)]
        value = self._loader.construct_object(node, deep=True)
        if value is not None and not isinstance(value, str):
            self.sources[path] = str(node.value)
        return value

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[Hashable, Any]:
        built: dict[Hashable, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                kind = "list" if isinstance(key_node, yaml.SequenceNode) else "mapping"
                self.problems.append(Problem(line, dotted(path), f"must have strings as keys, got a {kind}"))
                continue
            key = str(key_node.value)
            here = (*path, key)
            if key in built:
                self.problems.append(
                    Problem(line, dotted(here), f"is defined twice, first on line {self.lines[here]}; keep one")
                )
                continue
            self.lines[here] = line
            built[key] = self.build(value_node, here)
        return built
