"""What a task's content must be like: told at submit and not on a GPU.

The schemas say most of it; here is what they cannot: images, links between nodes, sizes that follow from two fields.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from task_record.inputs.image_fields import image_fields, spelled
from task_record.inputs.meta_batch import META_BATCH, meta_batch_of
from task_record.inputs.script_links import script_links
from task_record.inputs.workflow_files import names_in

from . import request_schema
from .errors import ApiError, invalid
from .inputs import Inputs
from .runtimes import Runtime

MAX_IMAGES: Final = 64
"""Images that one task makes: they come in one answer, which the agent must hold."""

MAX_BATCH: Final = 16
"""Images that are made at once. AnimateDiff makes as many frames at once as a task may have images."""

MAX_SIDE: Final = 8192
"""Pixels of one side after a second pass: four times 2048, where the sliders of the SD Web UI end."""

_INPUTS: Final = "task.metadata.inputs"
_LONGEST_NAME: Final = 60
_LONGEST_FIELD: Final = 300

_Content = Mapping[str, Any]


def check_content(tasktype: str, runtime: Runtime, content: Any, path: str, inputs: Inputs) -> None:  # noqa: ANN401 (any JSON value)
    """Check the content of a task.

    Args:
        tasktype: a kind of task that its runtime does.
        runtime: who will do it.
        content: the request body for the runtime.
        path: where it stands in the caller's body, with a dot before it.
        inputs: checks its images.

    Raises:
        ApiError: it cannot be run.
    """
    _CHECKS[tasktype](content, path)
    if runtime.runtime_type.has_named_inputs:
        return
    for place, image in image_fields(content):
        inputs.check_image(image, f"{path}.{spelled(place)}".removeprefix("."))
    for place, _ in script_links(content):
        raise _invalid(
            f"{path}.{spelled(place)}"[:_LONGEST_FIELD],
            "must not be a link, which the server would follow itself; only the images of ControlNet's units may be "
            "links",
        )


def check_named_inputs(
    tasktype: str, runtime: Runtime, named: Mapping[str, str], content: _Content, inputs: Inputs
) -> None:
    """Check the named inputs of a workflow.

    Args:
        tasktype: a kind of task that its runtime does.
        runtime: who will do it.
        named: base64 or a link by name.
        content: the workflow, which was checked.
        inputs: checks each.

    Raises:
        ApiError: the task takes none, no node uses one, or it is none.
    """
    if named and not runtime.runtime_type.has_named_inputs:
        raise invalid(_INPUTS, f"must be left out for {tasktype}, whose content holds its images")
    used = names_in(content) if named else set()
    for name, value in named.items():
        field = f"{_INPUTS}.{name[:_LONGEST_NAME]}"
        if name not in used:
            raise invalid(field, "must be what an input of a node is, such as `image` of LoadImage; no node has it")
        inputs.check_media(value, field)


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
    if len(images) > content.get("batch_size", 1):
        raise _invalid(
            f"{path}.init_images",
            f"must be one image, or at most as many as batch_size says ({content.get('batch_size', 1)}), "
            f"got {len(images)}",
        )


def _pipeline(content: _Content, path: str) -> None:
    if isinstance(content.get("nodes"), list):
        raise _invalid(
            path, "is a workflow in the editor's format; export it in the API format (Workflow > Export (API))"
        )
    request = content.get("prompt")
    if isinstance(request, dict) and "class_type" not in request:
        raise _invalid(path, "is a request of ComfyUI's own API; send the workflow alone, which is its prompt")
    request_schema.pipeline(content, path)
    manager = meta_batch_of(content)
    if manager is not None:
        raise _invalid(f"{path}.{manager[:60]}", META_BATCH)
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
    if content.get("batch_size", 1) > MAX_BATCH and not _animates(content):
        raise _invalid(
            f"{path}.batch_size",
            f"must be a whole number from 1 to {MAX_BATCH}, or to {MAX_IMAGES} where AnimateDiff is enabled, "
            f"got the number {content['batch_size']}",
        )
    images = content.get("batch_size", 1) * content.get("n_iter", 1)
    if images > MAX_IMAGES:
        raise _invalid(
            f"{path}.n_iter", f"must give at most {MAX_IMAGES} images, together with batch_size, got {round(images)}"
        )


def _animates(content: _Content) -> bool:
    """Whether AnimateDiff is enabled, which takes `batch_size` for its number of frames.

    https://github.com/continue-revolution/sd-webui-animatediff/blob/master/docs/how-to-use.md#api
    """
    for name, script in (content.get("alwayson_scripts") or {}).items():
        args = script.get("args") if isinstance(script, dict) and name.lower() == "animatediff" else None
        for one in args if isinstance(args, list) else ():
            if one is True or (isinstance(one, dict) and one.get("enable") is True):
                return True
    return False


def _invalid(path: str, message: str) -> ApiError:
    return invalid(path.removeprefix("."), message)


_CHECKS: Final[dict[str, Callable[[_Content, str], None]]] = {
    "text-to-image": _text_to_image,
    "image-to-image": _image_to_image,
    "extra-single-image": request_schema.extra_single_image,
    "extra-batch-images": request_schema.extra_batch_images,
    "pipeline": _pipeline,
}
