"""Which checkpoint a task runs: the one that it names, else its runtime's own.

The task API decides it at submit and writes it into message and record. The agent follows the same rule for a message
that does not say: one of the previous version, or one that was published straight to the topic.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from task_record.checkpoint_names import means, normalized
from task_record.runtime_types import TASK_TYPES

KEY: Final = "sd_model_checkpoint"
"""The SD Web UI's name of the setting; the place of a task's checkpoint."""

SETTINGS: Final = "override_settings"
SCRIPTS: Final = "alwayson_scripts"

NAME_MAX_LENGTH: Final = 512
"""Characters of a name: an object key's path with the longest hash."""

_MOVED: Final = ("sd_vae", SETTINGS)
"""Keys that clients of the v1alpha1 format have in `alwayson_scripts` and the server in `override_settings`."""


class CheckpointError(ValueError):
    """A task whose checkpoint or settings cannot be told.

    Attributes:
        field: path of the field in the content.
        is_missing: whether it names none where it must.
    """

    def __init__(self, field: str, message: str, *, is_missing: bool = False) -> None:
        super().__init__(message)
        self.field = field
        self.is_missing = is_missing


def checkpoint_of(
    tasktype: str, content: Mapping[str, Any], *, model_filename: str | None, dynamic_model: bool
) -> str | None:
    """Name of the checkpoint that a task of an sdwebui runtime runs; `None` for a task that uses none.

    Args:
        tasktype: its kind.
        content: its body.
        model_filename: the runtime's own checkpoint.
        dynamic_model: whether the runtime switches to any checkpoint that a task names.

    Raises:
        CheckpointError: it names two, one that the runtime does not serve, or none where it must.
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
    """The checkpoint that a body names, and the field that names it; of two spellings the one that says more.

    Raises:
        CheckpointError: it names different ones, or what it has there is not a name.
    """
    field, named = f"{SETTINGS}.{KEY}", None
    for other_field, other in _named(content):
        if named is None or means(named, other):
            field, named = other_field, other
        elif not means(other, named):
            raise CheckpointError(other_field, f"must be the same as {field}, got {other!r} and {named!r}")
    return field, named


def with_checkpoint(content: Mapping[str, Any], checkpoint: str) -> dict[str, Any]:
    """A body with a checkpoint where the server takes it."""
    return {**content, SETTINGS: {**_object(content.get(SETTINGS)), KEY: checkpoint}}


def with_settings_in_place(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """A body whose settings are where the server takes them; the same one where they are.

    Clients of the v1alpha1 format have `override_settings` and `sd_vae` in `alwayson_scripts`, where the server would
    look for scripts of these names.

    Raises:
        CheckpointError: a setting has different values in two places.
    """
    scripts = _object(content.get(SCRIPTS))
    if not any(name in scripts for name in _MOVED):
        return content
    settings = dict(_object(content.get(SETTINGS)))
    fields = {name: f"{SETTINGS}.{name}" for name in settings}
    for field, name, value in _settings_of_scripts(scripts):
        # Two spellings of one checkpoint are no contradiction.
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
    """Field, name and value of each setting; a VAE that is empty says nothing."""
    for name, value in _object(scripts.get(SETTINGS)).items():
        yield f"{SCRIPTS}.{SETTINGS}.{name}", name, value
    if scripts.get("sd_vae"):
        yield f"{SCRIPTS}.sd_vae", "sd_vae", scripts["sd_vae"]


def _object(value: Any) -> Mapping[str, Any]:  # noqa: ANN401 (any JSON value)
    return value if isinstance(value, dict) else {}
