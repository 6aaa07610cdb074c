"""What a task's content must be like: told at submit and not on a GPU.

The schemas say most of it; here is what they cannot: images, links between nodes, sizes that follow from two fields.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from . import request_schema
from .errors import ApiError, invalid
from .images import check_image

FETCHED_LINKS: Final[frozenset[str]] = frozenset()
"""Schemes of links that may stand in place of an image. The agents fetch none yet; `https` and `s3` would go here."""

MAX_IMAGES: Final = 64
"""Images that one task makes: they come in one answer, which the agent must hold."""

MAX_SIDE: Final = 8192
"""Pixels of one side after a second pass: four times 2048, where the sliders of the SD Web UI end."""

_Content = Mapping[str, Any]


def check_content(tasktype: str, content: Any, path: str) -> None:  # noqa: ANN401 (any JSON value)
    """Check the content of a task.

    Args:
        tasktype: a kind of task that its runtime does.
        content: the request body for the runtime.
        path: where it stands in the caller's body, with a dot before it.

    Raises:
        ApiError: it cannot be run.
    """
    _CHECKS[tasktype](content, path)


def _text_to_image(content: _Content, path: str) -> None:
    request_schema.text_to_image(content, path)
    _check_count(content, path)
    if content.get("enable_hr"):
        scaled = not (content.get("hr_resize_x") or content.get("hr_resize_y"))
        for side in ("width", "height") if scaled else ():
            pixels = content.get(side, 512) * content.get("hr_scale", 2)
            if pixels > MAX_SIDE:
                raise _invalid(
                    f"{path}.hr_scale", f"must leave {side} with at most {MAX_SIDE} pixels, got {round(pixels)}"
                )


def _image_to_image(content: _Content, path: str) -> None:
    request_schema.image_to_image(content, path)
    _check_count(content, path)
    images = content["init_images"]
    for number, image in enumerate(images):
        _check_image(image, f"{path}.init_images[{number}]")
    if content.get("mask"):
        _check_image(content["mask"], f"{path}.mask")
    if len(images) > content.get("batch_size", 1):
        raise _invalid(
            f"{path}.init_images",
            f"must be one image, or at most as many as batch_size says ({content.get('batch_size', 1)}), "
            f"got {len(images)}",
        )


def _extra_single_image(content: _Content, path: str) -> None:
    request_schema.extra_single_image(content, path)
    _check_image(content["image"], f"{path}.image")


def _extra_batch_images(content: _Content, path: str) -> None:
    request_schema.extra_batch_images(content, path)
    for number, image in enumerate(content["imageList"]):
        _check_image(image["data"], f"{path}.imageList[{number}].data")


def _pipeline(content: _Content, path: str) -> None:
    if isinstance(content.get("nodes"), list):
        raise _invalid(
            path, "is a workflow in the editor's format; export it in the API format (Workflow > Export (API))"
        )
    request = content.get("prompt")
    if isinstance(request, dict) and "class_type" not in request:
        raise _invalid(path, "is a request of ComfyUI's own API; send the workflow alone, which is its prompt")
    request_schema.pipeline(content, path)
    for node_id, node in content.items():
        for name, value in node.get("inputs", {}).items():
            # As ComfyUI tells a link from a list of values.
            is_link = isinstance(value, list) and len(value) == 2 and type(value[1]) in {int, float}  # noqa: PLR2004 (id, slot)
            if is_link and isinstance(value[0], str) and value[0] not in content:
                raise _invalid(
                    f"{path}.{node_id[:60]}.inputs.{name[:60]}",
                    f"links to node {value[0][:60]!r}, which is not there",
                )


def _check_count(content: _Content, path: str) -> None:
    images = content.get("batch_size", 1) * content.get("n_iter", 1)
    if images > MAX_IMAGES:
        raise _invalid(
            f"{path}.n_iter", f"must give at most {MAX_IMAGES} images, together with batch_size, got {round(images)}"
        )


def _check_image(image: str, path: str) -> None:
    check_image(image, path.removeprefix("."), fetched=FETCHED_LINKS)


def _invalid(path: str, message: str) -> ApiError:
    return invalid(path.removeprefix("."), message)


_CHECKS: Final[dict[str, Callable[[_Content, str], None]]] = {
    "text-to-image": _text_to_image,
    "image-to-image": _image_to_image,
    "extra-single-image": _extra_single_image,
    "extra-batch-images": _extra_batch_images,
    "pipeline": _pipeline,
}
