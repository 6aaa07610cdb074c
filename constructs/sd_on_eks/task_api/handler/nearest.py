"""Suggests the nearest known name for an unknown one."""

import difflib
from collections.abc import Iterable
from typing import Final

_COMPARED: Final = 100
"""Number of characters that are compared: a name in a request can have a megabyte."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A suggestion of the nearest known name; empty if none is similar."""
    found = difflib.get_close_matches(name[:_COMPARED], sorted(known), n=1)
    return f"; did you mean {found[0]!r}?" if found else ""


def nearest(name: str, known: Iterable[str]) -> str:
    """A suggestion of the nearest known name, or a list of all if none is similar; empty if there are none."""
    names = sorted(known)
    return did_you_mean(name, names) or (f"; allowed: {', '.join(names)}" if names else "")
