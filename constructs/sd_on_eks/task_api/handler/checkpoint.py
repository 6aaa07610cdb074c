"""The checkpoint of a task, decided at submit, and its settings where the server takes them."""

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
    """Decide which checkpoint a task runs.

    Args:
        tasktype: a kind of task that the runtime does.
        content: the request body for the runtime, which was checked.
        runtime: who will do it.
        path: where the content stands in the caller's body, with a dot before it.

    Returns:
        The content, the same object where nothing had to be moved in it, and the checkpoint's name; `None` for a task
        that uses none.

    Raises:
        ApiError: it names two, one that the runtime does not serve, or none where it must; or a setting is in two
            places with different values.
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
        raise _told(error, path) from error
    # Agents of the previous version read it there alone, and run what is loaded where it is not there.
    if runtime.dynamic_model and named is not None and (placed.get(SETTINGS) or {}).get(KEY) != named:
        placed = with_checkpoint(placed, named)
    return placed, checkpoint


def _told(error: CheckpointError, path: str) -> ApiError:
    field = f"{path}.{error.field}".removeprefix(".")
    if error.is_missing:
        return ApiError(HTTPStatus.BAD_REQUEST, "checkpoint_required", f"{field}: {error}", field=field)
    return invalid(field, str(error))
