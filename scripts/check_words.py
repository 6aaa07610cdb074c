#!/usr/bin/env python3
"""Find words that this project does not use, and say what to write instead.

    scripts/check_words.py [FILE ...]

The list is scripts/unwanted_words.toml; each entry has its reason. Without FILE all files of the repository are read
but those that are generated or recorded. Names in code count as words, their parts between underscores and capitals
too. Exit status: 0, or 1 where something was found.
"""

import argparse
import re
import sys
import tomllib
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Final, NamedTuple

from repository_files import repository_files

ROOT: Final = Path(__file__).resolve().parents[1]
LIST: Final = ROOT / "scripts" / "unwanted_words.toml"


class UnwantedWord(NamedTuple):
    """An entry of the list.

    Attributes:
        pattern: finds it, in lower-case text whose names are split into words.
        instead: what to write.
        reason: why.
        allowed_in: paths that may have it, as patterns of `fnmatch`.
    """

    pattern: re.Pattern[str]
    instead: str
    reason: str
    allowed_in: tuple[str, ...]


class Found(NamedTuple):
    """A place of an unwanted word."""

    path: Path
    line_number: int
    text: str
    word: UnwantedWord

    def __str__(self) -> str:
        """One line: the place, what is there, what to write instead, why."""
        place = self.path.relative_to(ROOT) if self.path.is_relative_to(ROOT) else self.path
        return f"{place}:{self.line_number}: must not say {self.text!r}; write {self.word.instead} ({self.word.reason})"


def main(arguments: Sequence[str] | None = None) -> int:
    """Check the files."""
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n\n")[0], epilog="The list: scripts/unwanted_words.toml"
    )
    parser.add_argument("files", metavar="FILE", type=Path, nargs="*", help="files to check (default: the repository)")
    options = parser.parse_args(arguments)
    words, left_out = read_list()
    paths = [path.resolve() for path in options.files] or list(_repository_files(left_out))
    found = [one for path in paths for one in unwanted_words(path, words)]
    for one in found:
        print(one)
    if found:
        print(f"places: {len(found)}; docs/glossary.md has the words that this project uses")
    return 1 if found else 0


def read_list() -> tuple[list[UnwantedWord], list[str]]:
    """The unwanted words, and the patterns of paths that nobody writes by hand."""
    document = tomllib.loads(LIST.read_text(encoding="utf-8"))
    words = [
        UnwantedWord(
            re.compile(rf"(?<![a-z])(?:{entry['word']})(?![a-z])".replace(" ", r"\s+")),
            entry["instead"],
            entry["reason"],
            tuple(entry.get("allowed_in", ())),
        )
        for entry in document["words"]
    ]
    return words, document["not_checked"]


def unwanted_words(path: Path, words: Sequence[UnwantedWord]) -> Iterator[Found]:
    """Find the unwanted words of a text file; a phrase that a line break divides is found on its first line."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return
    plain = _split_names(text)
    for word in words:
        if _matches(path, word.allowed_in):
            continue
        for match in word.pattern.finditer(plain):
            yield Found(path, plain.count("\n", 0, match.start()) + 1, " ".join(match[0].split()), word)


_COMMENT: Final = re.compile(r"\n *(?:#:?|//|\*)? *")
# Not in the middle of an id such as 01KAVR2M5T.
_CAPITAL_INSIDE: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z][a-z])")


def _split_names(text: str) -> str:
    """The text in lower case with `aNameLikeThis` and `a_name_like_this` as words; lines stay where they are."""
    # A phrase goes on after a line break and the mark of a comment.
    joined = _COMMENT.sub("\n", text)
    return _CAPITAL_INSIDE.sub(" ", joined.replace("_", " ")).lower()


def _matches(path: Path, patterns: Sequence[str]) -> bool:
    return path.is_relative_to(ROOT) and any(fnmatch(path.relative_to(ROOT).as_posix(), one) for one in patterns)


def _repository_files(left_out: Sequence[str]) -> Iterator[Path]:
    paths = (ROOT / name for name in repository_files())
    return (path for path in paths if not _matches(path, left_out))


if __name__ == "__main__":
    sys.exit(main())
