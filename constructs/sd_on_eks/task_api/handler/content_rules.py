"""What a task's content must be like: told at submit and not on a GPU."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from .errors import invalid


def check_content(tasktype: str, content: Mapping[str, Any], path: str) -> None:
    """Check the content of a task.

    Args:
        tasktype: a kind of task that its runtime does.
        content: the request body for the runtime.
        path: where it stands in the caller's body, with the dot at its end.

    Raises:
        ApiError: it cannot be run.
    """
    check = _CHECKS.get(tasktype)
    if check is not None:
        check(content, path)


def _image_to_image(content: Mapping[str, Any], path: str) -> None:
    images = content.get("init_images")
    if not isinstance(images, list) or not images or not all(isinstance(image, str) and image for image in images):
        raise invalid(f"{path}init_images", "must be a list of at least one image in base64")
    for number, image in enumerate(images):
        scheme = image[:_SCHEME_LENGTH].partition("://")
        if scheme[1]:
            raise invalid(f"{path}init_images[{number}]", f"must be base64, got a {scheme[0]}:// link")


def _pipeline(content: Mapping[str, Any], path: str) -> None:
    if "nodes" in content and "links" in content:
        raise invalid(
            path.rstrip("."),
            "is a workflow in the editor's format; export it in the API format (Workflow > Export (API))",
        )
    if not content:
        raise invalid(path.rstrip("."), "must have at least one node")
    for node_id, node in content.items():
        where = f"{path}{node_id[:60]}"
        if not isinstance(node, dict) or not isinstance(node.get("class_type"), str):
            raise invalid(where, "must be a node with class_type and inputs")
        inputs = node.get("inputs", {})
        if not isinstance(inputs, dict):
            raise invalid(f"{where}.inputs", "must be an object of names and values")
        for name, value in inputs.items():
            is_link = isinstance(value, list) and len(value) == 2 and isinstance(value[1], int)  # noqa: PLR2004 (id, slot)
            if is_link and isinstance(value[0], str) and value[0] not in content:
                raise invalid(f"{where}.inputs.{name[:60]}", f"links to node {value[0][:60]!r}, which is not there")


_SCHEME_LENGTH: Final = 16

_CHECKS: Final[dict[str, Callable[[Mapping[str, Any], str], None]]] = {
    "image-to-image": _image_to_image,
    "pipeline": _pipeline,
}
