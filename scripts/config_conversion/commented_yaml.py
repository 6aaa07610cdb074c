"""YAML with comments between its keys, which the YAML library cannot write."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import yaml

from sd_on_eks.config.document import Path

_WIDTH: Final = 100
_INDENT: Final = "  "


@dataclass
class _Entry:
    """A key: with one section, with a list of sections, or with any other value."""

    key: str
    sections: list["Section"] = field(default_factory=list)
    is_list: bool = False
    value: object = None
    above: Sequence[str] = ()
    beside: Sequence[str] = ()

    @property
    def has_value(self) -> bool:
        return self.is_list or not self.sections or self.sections[0].has_keys

    def lines(self) -> Iterator[str]:
        yield from self.above
        if not self.has_value:
            yield from self.beside
            yield from self.sections[0].lines()
            return
        key = f"{scalar(self.key)}:"
        yield from _with_comments(key if self.sections else f"{key} {scalar(self.value)}", self.beside)
        for section in self.sections:
            yield from (f"{_INDENT}{line}" for line in (_item_lines(section) if self.is_list else section.lines()))


class Section:
    """A mapping whose keys keep the order in which they came."""

    def __init__(self) -> None:
        self._entries: list[_Entry | str] = []

    def at(self, path: Path) -> "Section":
        """The section at a path, made where it is not there: keys, and an index after the key of a list."""
        if not path:
            return self
        key, *rest = path
        index = rest.pop(0) if rest and isinstance(rest[0], int) else None
        entry = self._entry(str(key)) or self._add(_Entry(str(key), is_list=index is not None))
        while len(entry.sections) <= int(index or 0):
            entry.sections.append(Section())
        return entry.sections[int(index or 0)].at(tuple(rest))

    def has(self, key: str) -> bool:
        """Whether a key is set."""
        return self._entry(key) is not None

    def get(self, key: str) -> object:
        """The value that a key was set to."""
        entry = self._entry(key)
        return None if entry is None else entry.value

    def set(self, key: str, value: object) -> None:
        """Set a key that is not set yet to anything that YAML has."""
        entry = self._add(_Entry(key, value=value))
        if isinstance(value, Mapping) and value:
            section = Section()
            for name, inner in value.items():
                section.set(str(name), inner)
            entry.sections.append(section)

    def annotate(self, key: str, *, above: Sequence[str], beside: Sequence[str]) -> None:
        """Give a key comments (`# ...`), on lines of their own and on its line."""
        if entry := self._entry(key):
            entry.above, entry.beside = above, beside

    def comment(self, text: str) -> None:
        """Add a comment in this place: lines, which are wrapped but for the first, or one that has its `#` already."""
        self._entries.append(text)

    @property
    def has_keys(self) -> bool:
        """Whether it has anything but comments."""
        return any(isinstance(entry, _Entry) and entry.has_value for entry in self._entries)

    def lines(self) -> Iterator[str]:
        """The section as YAML. Comments of an inner section without keys come where it would be."""
        for entry in self._entries:
            yield from _as_comment(entry) if isinstance(entry, str) else entry.lines()

    def _entry(self, key: str) -> _Entry | None:
        return next((entry for entry in self._entries if isinstance(entry, _Entry) and entry.key == key), None)

    def _add(self, entry: _Entry) -> _Entry:
        self._entries.append(entry)
        return entry


class _OneLineDumper(yaml.SafeDumper):
    """Writes strings that would take more than one line in double quotes, with escapes."""


def _string(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if text.isprintable() else '"')


_OneLineDumper.add_representer(str, _string)


def scalar(value: object) -> str:
    """A value in one line, in quotes where they are needed."""
    text: str = yaml.dump(
        value, Dumper=_OneLineDumper, default_flow_style=True, allow_unicode=True, width=float("inf"), sort_keys=False
    )
    return text.removesuffix("\n").removesuffix("\n...")


def _item_lines(item: Section) -> Iterator[str]:
    """An entry of a list: comments before its first key come before the dash."""
    begun = False
    for line in item.lines():
        if not begun and line.startswith("#"):
            yield line
        else:
            yield f"{_INDENT if begun else '- '}{line}"
            begun = True
    if not begun:
        yield "- {}"


def _with_comments(line: str, comments: Sequence[str]) -> Iterator[str]:
    text = "  ".join([line, *comments])
    if len(text) > _WIDTH and comments:
        yield from comments
        text = line
    yield text


def _as_comment(text: str) -> Iterator[str]:
    if text.startswith("#"):
        yield _printable(text)
        return
    first, *rest = text.splitlines() or [""]
    yield f"# {_printable(first)}"
    for line in rest:
        yield from textwrap.wrap(
            _printable(line), _WIDTH, initial_indent="#   ", subsequent_indent="#   ", break_on_hyphens=False
        )


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)
