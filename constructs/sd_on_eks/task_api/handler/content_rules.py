"""What a task's content must be like: rejected at submit and not on a GPU.

The schemas say most of it, the modules `*_rules` what they cannot of one task type; here is what all have in common.
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
        tasktype: a kind of task that its runtime does.
        runtime: who will do it.
        content: the request body for the runtime.
        path: where it is in the caller's body, with a dot before it.
        inputs: checks its images.

    Raises:
        ApiError: it cannot be run.
    """
    CONTENT_CHECKS[tasktype](content, path)
    if runtime.runtime_type.has_named_inputs:
        return
    for place, image in image_fields(content):
        inputs.check_image(image, f"{path}.{spelled(place)}".removeprefix("."))
    for place, _ in script_links(content):
        raise invalid(
            f"{path}.{spelled(place)}"[:_LONGEST_FIELD],
            "must not be a link, which the server would follow itself; only the images of ControlNet's units may be "
            "links",
        )


def check_named_inputs(
    tasktype: str, runtime: Runtime, named: Mapping[str, str], content: Mapping[str, Any], inputs: Inputs
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
