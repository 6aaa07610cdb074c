"""Files that a ComfyUI workflow names: `{node id: {"class_type": ..., "inputs": {"image": "cat.png"}}}`."""

from collections.abc import Mapping
from typing import Any, Final

_INPUT_FOLDER_SUFFIX: Final = " [input]"
"""The ComfyUI editor may append this to the name of a file in the input folder."""


def names_in(workflow: Mapping[str, Any]) -> set[str]:
    """All string inputs of the nodes. File names are among them."""
    return {
        value.removesuffix(_INPUT_FOLDER_SUFFIX)
        for node in workflow.values()
        for value in _inputs(node).values()
        if isinstance(value, str)
    }


def with_files(workflow: Mapping[str, Any], paths: Mapping[str, str]) -> dict[str, Any]:
    """A workflow with the names of the inputs replaced by the paths of the uploaded files.

    Args:
        workflow: a node's input, such as `image` of LoadImage, is the name.
        paths: name -> path relative to the server's input folder.
    """
    return {key: _with_files(node, paths) for key, node in workflow.items()}


def _with_files(node: Any, paths: Mapping[str, str]) -> Any:  # noqa: ANN401 (any JSON value)
    inputs = _inputs(node)
    if not inputs:
        return node
    replaced = {
        name: paths.get(value.removesuffix(_INPUT_FOLDER_SUFFIX), value) if isinstance(value, str) else value
        for name, value in inputs.items()
    }
    return {**node, "inputs": replaced}


def _inputs(node: Any) -> dict[str, Any]:  # noqa: ANN401 (any JSON value)
    inputs = node.get("inputs") if isinstance(node, dict) else None
    return inputs if isinstance(inputs, dict) else {}
