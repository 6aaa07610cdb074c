"""The name that was probably meant."""

import difflib
from collections.abc import Iterable
from typing import Final

_COMPARED: Final = 100
"""Characters of a name that are compared: a caller's may be a megabyte."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint at the nearest known name; empty where none is near."""
    found = difflib.get_close_matches(name[:_COMPARED], sorted(known), n=1)
    return f"; did you mean {found[0]!r}?" if found else ""


def nearest(name: str, known: Iterable[str]) -> str:
    """The same, with all that there are where none is near; empty where there are none."""
    names = sorted(known)
    return did_you_mean(name, names) or (f"; there are: {', '.join(names)}" if names else "")
