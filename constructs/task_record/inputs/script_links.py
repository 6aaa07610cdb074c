"""Links in the arguments of SD Web UI scripts. An extension would fetch them itself, without any check.

Only a string that consists of a link counts. A link inside a prompt does not.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from task_record.inputs.image_fields import Path, image_fields
from task_record.inputs.links import scheme_of

_SPACE: Final = re.compile(r"\s")


def script_links(content: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """The path and the value of every link in script arguments.

    The image fields of ControlNet are excluded: the agent fetches these links, and the script receives the image.
    """
    scripts = content.get("alwayson_scripts")
    places: list[tuple[Path, Any]] = [(("script_args",), content.get("script_args"))]
    for name, script in (scripts if isinstance(scripts, dict) else {}).items():
        if isinstance(script, dict):
            places.append((("alwayson_scripts", name, "args"), script.get("args")))
    fetched: frozenset[Path] | None = None
    for path, value in _strings(places):
        text = value.strip()
        if scheme_of(text) is None or _SPACE.search(text):
            continue
        if fetched is None:
            fetched = frozenset(place for place, _ in image_fields(content))
        if path not in fetched:
            yield path, value


def _strings(places: list[tuple[Path, Any]]) -> Iterator[tuple[Path, str]]:
    """All strings in some values, in their order. Without recursion, because the nesting is not limited."""
    left = places[::-1]
    while left:
        path, value = left.pop()
        if isinstance(value, str):
            yield path, value
        elif isinstance(value, dict):
            left += [((*path, key), inner) for key, inner in value.items()][::-1]
        elif isinstance(value, list):
            left += [((*path, number), inner) for number, inner in enumerate(value)][::-1]
