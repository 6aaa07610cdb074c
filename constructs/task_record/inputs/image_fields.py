"""Fields of an SD Web UI request body that hold images.

https://github.com/AUTOMATIC1111/stable-diffusion-webui/wiki/API
https://github.com/Mikubill/sd-webui-controlnet/wiki/API
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from task_record.runtime_types import SDWEBUI

Path = tuple[str | int, ...]
"""Keys and list indexes, from the outermost one."""

_FIELDS: Final = tuple(field for task_type in SDWEBUI.task_types for field in task_type.image_fields)
_CONTROLNET: Final = "controlnet"
_UNIT_FIELDS: Final = ("image", "input_image", "mask", "mask_image", "effective_region_mask")
_MAX_NESTING: Final = 3
"""A field holds an image, a list of images, or a list of images with masks."""


def image_fields(content: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """The path and the value of every image in a request body."""
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
                for field in _UNIT_FIELDS:
                    path = ("alwayson_scripts", name, "args", number, field)
                    yield from _texts(_object(unit).get(field), path)


def with_strings(content: Mapping[str, Any], texts: Mapping[Path, str]) -> dict[str, Any]:
    """A request body with the strings at these paths replaced. Only the changed parts are copied."""
    changed: Any = dict(content)
    for path, text in texts.items():
        changed = _with_text(changed, path, text)
    return dict(changed)


def spelled(path: Path) -> str:
    """A path as a string, such as `alwayson_scripts.ControlNet.args[0].image`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


def _texts(value: Any, path: Path, deepest: int = _MAX_NESTING) -> Iterator[tuple[Path, str]]:  # noqa: ANN401 (any JSON value)
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
