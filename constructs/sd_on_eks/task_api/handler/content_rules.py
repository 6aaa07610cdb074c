"""Validates the content of a task at submit, before a GPU is used.

The schemas have most of the rules, the modules `*_rules` those of one task type that a schema cannot express, and this
module those of all task types.
"""

from collections.abc import Mapping
from typing import Any, Final

from task_record.inputs.image_fields import image_fields, spelled
from task_record.inputs.script_links import script_links
from task_record.inputs.workflow_files import names_in

from .content_checks import CONTENT_CHECKS
from .errors import invalid
from .inputs import Inputs
from .runtimes import Runtime

_INPUTS: Final = "task.metadata.inputs"
_LONGEST_NAME: Final = 60
_LONGEST_FIELD: Final = 300


def check_content(tasktype: str, runtime: Runtime, content: Any, path: str, inputs: Inputs) -> None:  # noqa: ANN401 (any JSON value)
    """Check the content of a task.

    Args:
        tasktype: a task type of the runtime.
        runtime: the runtime of the task.
        content: the request body for the runtime.
        path: path of the content in the caller's body, with a leading dot.
        inputs: checks the images.

    Raises:
        ApiError: it is invalid.
    """
    CONTENT_CHECKS[tasktype](content, path)
    if runtime.runtime_type.has_named_inputs:
        return
    for place, image in image_fields(content):
        inputs.check_image(image, f"{path}.{spelled(place)}".removeprefix("."))
    for place, _ in script_links(content):
        raise invalid(
            f"{path}.{spelled(place)}"[:_LONGEST_FIELD],
            "must not be a link, which the server would follow itself; only images of ControlNet units can be links",
        )


def check_named_inputs(
    tasktype: str, runtime: Runtime, named: Mapping[str, str], content: Mapping[str, Any], inputs: Inputs
) -> None:
    """Check the named inputs of a workflow.

    Args:
        tasktype: a task type of the runtime.
        runtime: the runtime of the task.
        named: base64 or links, by name.
        content: the validated workflow.
        inputs: checks the files.

    Raises:
        ApiError: the task type has no named inputs, an input is not used by a node, or it is invalid.
    """
    if named and not runtime.runtime_type.has_named_inputs:
        raise invalid(_INPUTS, f"must be left out for {tasktype}, whose images are part of the content")
    used = names_in(content) if named else set()
    for name, value in named.items():
        field = f"{_INPUTS}.{name[:_LONGEST_NAME]}"
        if name not in used:
            raise invalid(field, "must be the value of a node's input, such as `image` of LoadImage; no node has it")
        inputs.check_media(value, field)
