"""A configuration of the existing solution -> one of this product, and what could not be carried over."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from config_conversion.commented_yaml import Section, scalar
from config_conversion.comments import Comments, comments_of
from config_conversion.yaml_1_2 import Yaml12Loader
from sd_on_eks.config.document import Document, Path, dotted, read_document
from sd_on_eks.config.existing_solution.conversions import Carried, Lost
from sd_on_eks.config.existing_solution.defaults import OtherDefault, other_defaults
from sd_on_eks.config.existing_solution.keys import OldKey, keys_below, old_key, parts_of, real_path
from sd_on_eks.config.loader import known_keys, unknown_key

_SHOWN: Final = 60
_NOTHING: Final[tuple[object, ...]] = (None, "", {}, [])


@dataclass(frozen=True, slots=True)
class NotCarriedOver:
    """Something of the old file that the new one does not have.

    Attributes:
        line: its line in the old file.
        key: its path there.
        value: its value there, in one line.
        message: why, and what to do.
    """

    line: int
    key: str
    value: str
    message: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A key that the old file leaves out, and whose default differs.

    Attributes:
        default: the key and its default here.
        runtimes: names of the runtimes that leave it out, where it is a key of a runtime and others have it.
    """

    default: OtherDefault
    runtimes: tuple[str, ...] = ()


class Conversion:
    """The conversion of one file.

    Args:
        text: the old file.
        file: its name in error messages.

    Attributes:
        not_carried_over: what the new file does not have, in the order of the old one.
        other_defaults: keys that the old file leaves out, and whose defaults differ.

    Raises:
        ConfigError: it is not valid YAML, or defines a key twice.
    """

    def __init__(self, text: str, file: str) -> None:
        self._old: Document = read_document(text, file, Yaml12Loader)
        self._comments = comments_of(text, self._old.lines)
        self._new = Section()
        self._file = file
        self.not_carried_over: list[NotCarriedOver] = []
        self._last_comments = self._comments.pop((), Comments()).above
        self._mapping(self._old.value, ())
        self.other_defaults = [found for one in other_defaults() if (found := self._left_out(one)) is not None]

    def text(self) -> str:
        """The new file."""
        return "\n".join([*self._header(), *self._new.lines(), *self._last_comments]) + "\n"

    def _header(self) -> Iterator[str]:
        yield "# yaml-language-server: $schema=config.schema.json"
        yield "#"
        yield f"# Converted from {self._file}, a configuration of the existing solution: docs/migration.md."
        if self.other_defaults:
            yield "# Keys that it leaves out, and whose defaults differ (there -> here):"
            for left_out in self.other_defaults:
                one = left_out.default
                key = one.key.path.removeprefix("modelsRuntime[].extraValues.")
                of = f" (of {', '.join(left_out.runtimes)})" if left_out.runtimes else ""
                yield f"#   {key}: {one.key.default} -> {one.here}{of}"
        yield ""

    def _mapping(self, value: Mapping[str, object], path: Path) -> None:
        for key, inner in value.items():
            self._key((*path, key), inner)

    def _key(self, path: Path, value: object) -> None:
        old = old_key(path)
        if old is not None and not old.alias_of:
            self._convert(old, path, value)
        elif old is not None or keys_below(path):
            self._parent(path, value)
        elif path[-1] not in known_keys(real_path(path)[:-1]):
            self._lose(path, value, unknown_key(path))
        elif isinstance(value, Mapping) and known_keys(path):
            self._parent(path, value)
        else:
            self._carry(path, value, real_path(path), value)

    def _parent(self, path: Path, value: object) -> None:
        """A key with known keys below it, or with a list of such entries."""
        is_list = bool(keys_below((*path, 0)))
        if is_list and isinstance(value, list) and all(isinstance(one, Mapping) for one in value):
            for index, one in enumerate(value):
                self._new.at((*path, index))
                self._mapping(one, (*path, index))
        elif not is_list and isinstance(value, Mapping):
            self._mapping(value, path)
        elif value not in _NOTHING:
            self._lose(path, value, f"must be a {'list of mappings' if is_list else 'mapping of keys'}")
        *parents, key = real_path(path)
        comments = self._comments.pop(path, Comments())
        self._new.at(tuple(parents)).annotate(str(key), above=comments.above, beside=comments.beside)

    def _convert(self, old: OldKey, path: Path, value: object) -> None:
        if (value in _NOTHING and not old.empty_counts) or old.loses_nothing(value):
            self._comments_of(path)  # which are of a key that is not needed
            return
        if old.convert is None:
            self._lose(path, value, f"{old.why}; write {old.write}" if old.write else old.why)
            return
        if old.of_strings:
            value = self._as_strings(path, value)
        index = next((part for part in path if isinstance(part, int)), 0)
        runtime = self._old.value["modelsRuntime"][index] if path[0] == "modelsRuntime" else {}
        converted = list(old.convert(parts_of(old.here), value, runtime))
        carried = [one for one in converted if isinstance(one, Carried)]
        # What is lost of a key comes above what is left of it.
        if lost := [one.message for one in converted if isinstance(one, Lost)]:
            self._lose(path, value, "; ".join(lost), is_part=bool(carried))
        for one in carried:
            here: Path = tuple(index if part == "[]" else part for part in one.path)
            self._carry(path, value, here, one.value)

    def _carry(self, path: Path, value: object, here: Path, value_here: object) -> None:
        *parents, key = here
        section = self._new.at(tuple(parents))
        if not section.has(str(key)):
            section.set(str(key), value_here)
            comments = self._comments_of(path)
            section.annotate(str(key), above=comments.above, beside=comments.beside)
        elif section.get(str(key)) != value_here:
            self._lose(path, value, f"{dotted(here)} is one key here, and has another value already")
        else:
            comments = self._comments_of(path)
            for comment in (*comments.above, *comments.beside):
                section.comment(comment)

    def _lose(self, path: Path, value: object, message: str, *, is_part: bool = False) -> None:
        shown = self._old.sources.get(path) or scalar(value)
        shown = shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 3]}..."
        self.not_carried_over.append(NotCarriedOver(self._old.line_of(path), dotted(path), shown, message))
        place = real_path(path)[:-1]
        while place and not known_keys(place):
            place = place[:-1]
        section = self._new.at(place)
        own = self._comments.pop(path, Comments())
        self._comments_of(path)  # those inside its value go with it
        for comment in (*own.above, *own.beside):
            section.comment(comment)
        key = dotted(real_path(path)[len(place) :])
        what = "Not carried over in part" if is_part else "Not carried over"
        section.comment(f"{what}: {key}: {shown}\n{message[0].upper()}{message[1:]}.")

    def _comments_of(self, path: Path) -> Comments:
        """Comments of a key, with those inside its value above it; each comes once."""
        found = self._comments.pop(path, Comments())
        for inner in [one for one in self._comments if one[: len(path)] == path]:
            within = self._comments.pop(inner)
            found.above += [*within.above, *within.beside]
        return found

    def _as_strings(self, path: Path, value: object) -> object:
        """A value whose scalars are strings, as the file writes them."""
        if isinstance(value, Mapping):
            return {key: self._as_strings((*path, key), inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._as_strings((*path, index), inner) for index, inner in enumerate(value)]
        return "" if value is None else self._old.sources.get(path, value)

    def _left_out(self, default: OtherDefault) -> LeftOut | None:
        parts = parts_of(default.key.path)
        written = {real_path(path) for path in self._old.lines}
        if "[]" not in parts:
            return None if parts in written else LeftOut(default)
        runtimes = self._old.value.get("modelsRuntime")
        names = [
            dotted(("modelsRuntime", index)) if name is None else str(name).lower()
            for index, one in enumerate(runtimes if isinstance(runtimes, list) else [])
            for name in [one.get("name") if isinstance(one, Mapping) else None]
        ]
        without = [
            name
            for index, name in enumerate(names)
            if tuple(index if part == "[]" else part for part in parts) not in written
        ]
        return LeftOut(default, () if without == names else tuple(without)) if without else None
