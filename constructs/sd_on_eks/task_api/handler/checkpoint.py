"""Determines the checkpoint of a task at submit, and moves its settings to where the server reads them."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from task_record.checkpoints import (
    KEY,
    SETTINGS,
    CheckpointError,
    checkpoint_of,
    named_checkpoint,
    with_checkpoint,
    with_settings_in_place,
)
from task_record.runtime_types import TASK_TYPES

from .errors import ApiError, invalid
from .runtimes import Runtime


def decided(
    tasktype: str, content: Mapping[str, Any], runtime: Runtime, path: str
) -> tuple[Mapping[str, Any], str | None]:
    """Determine which checkpoint a task uses.

    Args:
        tasktype: a task type of the runtime.
        content: the validated request body for the runtime.
        runtime: the runtime of the task.
        path: path of the content in the caller's body, with a leading dot.

    Returns:
        The content (the same object if no setting was moved), and the name of the checkpoint; `None` for a task that
        uses no checkpoint.

    Raises:
        ApiError: the content has two checkpoints, one that the runtime does not serve, or none although one is
            required; or a setting is in two places with different values.
    """
    if not TASK_TYPES[tasktype].runs_checkpoint:
        return content, None
    try:
        checkpoint = checkpoint_of(
            tasktype, content, model_filename=runtime.model_filename, dynamic_model=runtime.dynamic_model
        )
        placed = with_settings_in_place(content)
        _, named = named_checkpoint(content)
    except CheckpointError as error:
        raise _api_error(error, path) from error
    # Agents of the previous version read the checkpoint only there, and otherwise use the one that is loaded.
    if runtime.dynamic_model and named is not None and (placed.get(SETTINGS) or {}).get(KEY) != named:
        placed = with_checkpoint(placed, named)
    return placed, checkpoint


def _api_error(error: CheckpointError, path: str) -> ApiError:
    field = f"{path}.{error.field}".removeprefix(".")
    if error.is_missing:
        return ApiError(HTTPStatus.BAD_REQUEST, "checkpoint_required", f"{field}: {error}", field=field)
    return invalid(field, str(error))
