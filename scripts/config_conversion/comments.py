"""Comments of a YAML file, by the key that they belong to."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import yaml

from sd_on_eks.config.document import Path

_COMMENT: Final = r"#[^\n\r\x85\u2028\u2029]*"
"""Up to a line break: https://yaml.org/spec/1.1/#id863975"""


@dataclass
class Comments:
    """Comments of one key, with their `#`.

    Attributes:
        above: those on lines of their own before it.
        beside: those on its line.
    """

    above: list[str] = field(default_factory=list)
    beside: list[str] = field(default_factory=list)


def comments_of(text: str, lines: Mapping[Path, int]) -> dict[Path, Comments]:
    """Find the comments of a file.

    Args:
        text: the file.
        lines: path -> line of every key and entry, in the order of the file.

    Returns:
        Path of a key -> its comments. What comes after the last key belongs to the empty path.
    """
    found: dict[Path, Comments] = {}
    keys = {line: path for path, line in reversed(list(lines.items())) if path and isinstance(path[-1], str)}
    entries = {line: path for path, line in reversed(list(lines.items())) if path}
    for number, is_beside, comment in _comments(text):
        if is_beside:
            path = keys.get(number) or _key_of(entries.get(number, ()))
            found.setdefault(path, Comments()).beside.append(comment)
        else:
            following = [line for line in keys if line > number]
            path = keys[min(following)] if following else ()
            found.setdefault(path, Comments()).above.append(comment)
    return found


def _key_of(path: Path) -> Path:
    while path and not isinstance(path[-1], str):
        path = path[:-1]
    return path


def _comments(text: str) -> Iterator[tuple[int, bool, str]]:
    """Line, whether something else is on it, and the comment: what is between two tokens and begins with `#`."""
    end = 0
    for token in yaml.scan(text, Loader=yaml.SafeLoader):
        gap = text[end : token.start_mark.index]
        for comment in re.finditer(_COMMENT, gap):
            before = text[: end + comment.start()]
            yield before.count("\n") + 1, bool(before.rpartition("\n")[2].strip()), comment[0].rstrip()
        end = max(end, token.end_mark.index)
