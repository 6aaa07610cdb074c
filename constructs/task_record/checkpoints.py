"""Selects the checkpoint of a task: the one that the task names, otherwise the default of its runtime.

The task API resolves it at submit, and writes it into the message and the record. The agent applies the same rule to a
message without a checkpoint: from the previous version, or published directly to the topic.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from task_record.checkpoint_names import means, normalized
from task_record.runtime_types import TASK_TYPES

KEY: Final = "sd_model_checkpoint"
"""The SD Web UI's name of the setting."""

SETTINGS: Final = "override_settings"
SCRIPTS: Final = "alwayson_scripts"

NAME_MAX_LENGTH: Final = 512
"""Maximum length of a name, in characters: the path of an object key with the longest hash."""

_MOVED: Final = ("sd_vae", SETTINGS)
"""Keys that v1alpha1 clients send in `alwayson_scripts` and the server reads in `override_settings`."""


class CheckpointError(ValueError):
    """A task with a checkpoint or settings that are not valid.

    Attributes:
        field: path of the field in the content.
        is_missing: whether a required checkpoint is missing.
    """

    def __init__(self, field: str, message: str, *, is_missing: bool = False) -> None:
        super().__init__(message)
        self.field = field
        self.is_missing = is_missing


def checkpoint_of(
    tasktype: str, content: Mapping[str, Any], *, model_filename: str | None, dynamic_model: bool
) -> str | None:
    """Name of the checkpoint of a task of an sdwebui runtime; `None` for a task that uses none.

    Args:
        tasktype: type of the task.
        content: the request body.
        model_filename: the default checkpoint of the runtime.
        dynamic_model: whether the runtime switches to any checkpoint that a task names.

    Raises:
        CheckpointError: the task names two checkpoints, one that the runtime does not serve, or none although it must.
    """
    if not TASK_TYPES[tasktype].runs_checkpoint:
        return None
    field, named = named_checkpoint(content)
    if named is None:
        if model_filename is None:
            raise CheckpointError(
                f"{SETTINGS}.{KEY}",
                "must name a checkpoint: the runtime has none of its own (dynamicModel without modelFilename)",
                is_missing=True,
            )
        return model_filename
    if dynamic_model:
        return named
    if model_filename is None or not means(named, model_filename):
        raise CheckpointError(
            field, f"must be {model_filename}, or left out: the runtime serves no other checkpoint, got {named!r}"
        )
    return model_filename


def named_checkpoint(content: Mapping[str, Any]) -> tuple[str, str | None]:
    """The field with the checkpoint in a request body, and its name. Of two spellings it is the more specific one.

    Raises:
        CheckpointError: the body names different checkpoints, or a value is not a valid name.
    """
    field, named = f"{SETTINGS}.{KEY}", None
    for other_field, other in _named(content):
        if named is None or means(named, other):
            field, named = other_field, other
        elif not means(other, named):
            raise CheckpointError(other_field, f"must be the same as {field}, got {other!r} and {named!r}")
    return field, named


def with_checkpoint(content: Mapping[str, Any], checkpoint: str) -> dict[str, Any]:
    """A request body with a checkpoint in the field that the server reads."""
    return {**content, SETTINGS: {**_object(content.get(SETTINGS)), KEY: checkpoint}}


def with_settings_in_place(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """A request body with its settings in the fields that the server reads. Unchanged if they already are.

    v1alpha1 clients send `override_settings` and `sd_vae` in `alwayson_scripts`, where the server would search scripts
    with these names.

    Raises:
        CheckpointError: a setting has different values in two places.
    """
    scripts = _object(content.get(SCRIPTS))
    if not any(name in scripts for name in _MOVED):
        return content
    settings = dict(_object(content.get(SETTINGS)))
    fields = {name: f"{SETTINGS}.{name}" for name in settings}
    for field, name, value in _settings_of_scripts(scripts):
        # Two spellings of the same checkpoint are allowed.
        if name != KEY and settings.get(name, value) != value:
            raise CheckpointError(
                field, f"must be the same as {fields[name]}, got {value!r:.100} and {settings[name]!r:.100}"
            )
        settings.setdefault(name, value)
        fields.setdefault(name, field)
    if KEY in settings:
        settings[KEY] = named_checkpoint(content)[1]
    kept = {name: script for name, script in scripts.items() if name not in _MOVED}
    return {**content, SETTINGS: settings, SCRIPTS: kept}


def _named(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    scripts = _object(content.get(SCRIPTS))
    for field, value in (
        (f"{SETTINGS}.{KEY}", _object(content.get(SETTINGS)).get(KEY)),
        (f"{SCRIPTS}.{KEY}", scripts.get(KEY)),
        (f"{SCRIPTS}.{SETTINGS}.{KEY}", _object(scripts.get(SETTINGS)).get(KEY)),
    ):
        if value is None or value == "":
            continue
        if not isinstance(value, str) or len(value) > NAME_MAX_LENGTH or not normalized(value).strip():
            raise CheckpointError(field, f"must be the name of a checkpoint of at most {NAME_MAX_LENGTH} characters")
        yield field, value


def _settings_of_scripts(scripts: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Field, name and value of each setting. An empty VAE is ignored."""
    for name, value in _object(scripts.get(SETTINGS)).items():
        yield f"{SCRIPTS}.{SETTINGS}.{name}", name, value
    if scripts.get("sd_vae"):
        yield f"{SCRIPTS}.sd_vae", "sd_vae", scripts["sd_vae"]


def _object(value: Any) -> Mapping[str, Any]:  # noqa: ANN401 (any JSON value)
    return value if isinstance(value, dict) else {}
