"""Files that a workflow of ComfyUI names: `{node id: {"class_type": ..., "inputs": {"image": "cat.png"}}}`."""

from collections.abc import Mapping
from typing import Any, Final

_OF_INPUT_FOLDER: Final = " [input]"
"""What ComfyUI's editor may put behind the name of a file that lies in the folder of inputs."""


def names_in(workflow: Mapping[str, Any]) -> set[str]:
    """Every text that an input of a node is: names of files among them."""
    return {
        value.removesuffix(_OF_INPUT_FOLDER)
        for node in workflow.values()
        for value in _inputs(node).values()
        if isinstance(value, str)
    }


def with_files(workflow: Mapping[str, Any], paths: Mapping[str, str]) -> dict[str, Any]:
    """The workflow with names of inputs replaced by where they were uploaded to.

    Args:
        workflow: where a node's input, such as `image` of LoadImage, is just the name.
        paths: place of each name, below the server's folder of inputs.
    """
    return {key: _with_files(node, paths) for key, node in workflow.items()}


def _with_files(node: Any, paths: Mapping[str, str]) -> Any:  # noqa: ANN401 (any JSON value)
    inputs = _inputs(node)
    if not inputs:
        return node
    replaced = {
        name: paths.get(value.removesuffix(_OF_INPUT_FOLDER), value) if isinstance(value, str) else value
        for name, value in inputs.items()
    }
    return {**node, "inputs": replaced}


def _inputs(node: Any) -> dict[str, Any]:  # noqa: ANN401 (any JSON value)
    inputs = node.get("inputs") if isinstance(node, dict) else None
    return inputs if isinstance(inputs, dict) else {}
