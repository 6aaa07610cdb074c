"""Where a body of the SD Web UI's API holds pictures.

https://github.com/AUTOMATIC1111/stable-diffusion-webui/wiki/API
https://github.com/Mikubill/sd-webui-controlnet/wiki/API
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from task_record.runtime_types import SDWEBUI

Path = tuple[str | int, ...]
"""Keys and positions, from the outside in."""

_FIELDS: Final = tuple(field for task_type in SDWEBUI.task_types for field in task_type.image_fields)
_CONTROLNET: Final = "controlnet"
_OF_A_UNIT: Final = ("image", "input_image", "mask", "mask_image", "effective_region_mask")
_DEEPEST: Final = 3
"""A field holds a picture, a list of them, or a list of pictures with their masks."""


def image_fields(content: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """Every text in a body that is a picture: its place and itself."""
    for field in _FIELDS:
        name, _, inner = field.partition("[].")
        if not inner:
            yield from _texts(content.get(name), (name,))
            continue
        for number, entry in enumerate(_list(content.get(name))):
            yield from _texts(_object(entry).get(inner), (name, number, inner))
    for name, script in _object(content.get("alwayson_scripts")).items():
        if name.lower() == _CONTROLNET:
            for number, unit in enumerate(_list(_object(script).get("args"))):
                for field in _OF_A_UNIT:
                    path = ("alwayson_scripts", name, "args", number, field)
                    yield from _texts(_object(unit).get(field), path)


def with_texts(content: Mapping[str, Any], texts: Mapping[Path, str]) -> dict[str, Any]:
    """A body with other texts in these places; only what leads there is copied."""
    changed: Any = dict(content)
    for path, text in texts.items():
        changed = _with_text(changed, path, text)
    return dict(changed)


def spelled(path: Path) -> str:
    """A place as it is written."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


def _texts(value: Any, path: Path, deepest: int = _DEEPEST) -> Iterator[tuple[Path, str]]:  # noqa: ANN401 (any JSON value)
    if isinstance(value, str) and value:
        yield path, value
    elif deepest and isinstance(value, list):
        for number, one in enumerate(value):
            yield from _texts(one, (*path, number), deepest - 1)
    elif deepest and isinstance(value, dict):
        for name in ("image", "mask"):
            yield from _texts(value.get(name), (*path, name), deepest - 1)


def _with_text(value: Any, path: Path, text: str) -> Any:  # noqa: ANN401 (any JSON value)
    if not path:
        return text
    copied = value.copy()
    copied[path[0]] = _with_text(copied[path[0]], path[1:], text)
    return copied


def _object(value: Any) -> dict[str, Any]:  # noqa: ANN401 (any JSON value)
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:  # noqa: ANN401 (any JSON value)
    return value if isinstance(value, list) else []
