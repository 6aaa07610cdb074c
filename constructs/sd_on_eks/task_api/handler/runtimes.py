"""The runtimes of this deployment, and the tasks that each of them can run."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from task_record.checkpoint_names import means, normalized
from task_record.inputs.sizes import INPUT_MAX_BYTES, InputSizes
from task_record.runtime_types import RUNTIME_TYPES, RuntimeType

from .errors import ApiError, invalid, not_found, runtime_retired
from .nearest import nearest
from .wrong_value import described

RUNTIMES_FILE: Final = "runtimes.json"
"""File in the folder of the handler: a JSON list of objects with the attributes of `Runtime`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """A runtime.

    Attributes:
        name: name of the runtime in the configuration.
        type: `sdwebui` or `comfyui`.
        model_filename: its default checkpoint.
        dynamic_model: whether a task can use any other checkpoint.
        retired: whether it accepts no new tasks.
        backlog_limit: maximum number of queued tasks; `None` for no limit.
        typical_task_s: typical duration of a task in seconds, for the waiting time of a rejected submit.
        max_replicas: maximum number of pods, for the same purpose.
        max_input_mib: maximum size of an input of a workflow; `None` for the default.
    """

    name: str
    type: str
    model_filename: str | None = None
    dynamic_model: bool = False
    retired: bool = False
    backlog_limit: int | None = None
    typical_task_s: float = 10.0
    max_replicas: int = 1
    max_input_mib: int | None = None

    @property
    def runtime_type(self) -> RuntimeType:
        """The properties that all runtimes of this type have in common."""
        return RUNTIME_TYPES[self.type]

    @property
    def input_sizes(self) -> InputSizes:
        """Size limits of the inputs of its tasks."""
        return self.runtime_type.input_sizes(self.max_input_mib)


class Runtimes:
    """The runtimes of this deployment.

    Args:
        runtimes: all runtimes.
    """

    def __init__(self, runtimes: Sequence[Runtime]) -> None:
        self._by_name = {runtime.name: runtime for runtime in runtimes}

    @property
    def largest_input_bytes(self) -> int:
        """Maximum size of an input of any runtime."""
        return max((runtime.input_sizes.max_bytes for runtime in self._by_name.values()), default=INPUT_MAX_BYTES)

    def named(self, name: str, field: str) -> Runtime:
        """Find a runtime by its name.

        Raises:
            ApiError: 404 if there is no such runtime.
        """
        if name in self._by_name:
            return self._by_name[name]
        raise not_found(
            "unknown_runtime",
            f"{field}: must be the name of a runtime, got {described(name)}{nearest(name, self._by_name)}",
            field=field,
        )

    def accepting(self, name: str, field: str) -> Runtime:
        """Find a runtime by its name that accepts tasks.

        Raises:
            ApiError: 404 if there is no such runtime; 409 if it is retired.
        """
        runtime = self.named(name, field)
        if runtime.retired:
            raise runtime_retired(runtime.name, field)
        return runtime

    def serving(self, checkpoint: str, field: str) -> Runtime:
        """Find the runtime that serves a checkpoint: one with this default checkpoint, otherwise a dynamic one.

        Raises:
            ApiError: 404 if no runtime serves it; 409 if the runtime is retired; 400 if the name is ambiguous.
        """
        serving = [runtime for runtime in self._by_name.values() if runtime.runtime_type.has_checkpoint]
        accepting = [runtime for runtime in serving if not runtime.retired]
        owners = _owners(checkpoint, accepting)
        own = {normalized(str(runtime.model_filename)): runtime for runtime in reversed(owners)}
        if len(own) > 1:
            matching = " and ".join(sorted(f"{path} (of {runtime.name})" for path, runtime in own.items()))
            raise ApiError(
                HTTPStatus.BAD_REQUEST,
                "ambiguous_checkpoint",
                f"{field}: must match one checkpoint, got {described(checkpoint)}, which matches {matching}; send the "
                "path of one of them",
                field=field,
            )
        for runtime in (*owners, *(one for one in accepting if one.dynamic_model)):
            return runtime
        for retired in _owners(checkpoint, serving) or [one for one in serving if one.dynamic_model]:
            raise runtime_retired(retired.name, field)
        known = [runtime.model_filename for runtime in accepting if runtime.model_filename]
        raise not_found(
            "unknown_checkpoint",
            f"{field}: must be a checkpoint that a runtime serves, got {described(checkpoint)}"
            f"{nearest(checkpoint, known)}",
            field=field,
        )


def check_tasktype(tasktype: str, runtime: Runtime, field: str) -> None:
    """Check that a runtime runs this type of task.

    Raises:
        ApiError: 400 if it does not.
    """
    allowed = [one.name for one in runtime.runtime_type.task_types]
    if tasktype not in allowed:
        raise invalid(
            field,
            f"must be a task type of the {runtime.type} runtime {runtime.name!r}, got {tasktype!r}; allowed: "
            f"{', '.join(allowed)}",
        )


def _owners(checkpoint: str, runtimes: Sequence[Runtime]) -> list[Runtime]:
    """The runtimes whose default checkpoint has this name; if the name is a whole path of some, only these."""
    meant = [one for one in runtimes if one.model_filename is not None and means(checkpoint, one.model_filename)]
    whole = [one for one in meant if normalized(str(one.model_filename)) == normalized(checkpoint)]
    return whole or meant
