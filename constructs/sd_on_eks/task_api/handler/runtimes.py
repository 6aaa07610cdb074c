"""The runtimes of this deployment, and what each kind of them can do."""

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
"""The table of runtimes in the handler's folder, a JSON list of objects with the attributes of `Runtime`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """A runtime.

    Attributes:
        name: its name, as in the configuration.
        type: sdwebui or comfyui.
        model_filename: its own checkpoint.
        dynamic_model: whether it switches to any checkpoint that a task names.
        retired: whether it takes no further tasks.
        backlog_limit: queued tasks above which a submit is refused; `None` for no limit.
        typical_task_s: how long a task typically takes, for the wait that a refusal names.
        max_replicas: how many pods do its tasks at most, for the same.
        max_input_mib: largest input of a workflow; `None` for the default.
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
        """What each runtime of its type does."""
        return RUNTIME_TYPES[self.type]

    @property
    def input_sizes(self) -> InputSizes:
        """Bounds of its tasks' inputs."""
        return self.runtime_type.input_sizes(self.max_input_mib)


class Runtimes:
    """The runtimes of this deployment.

    Args:
        runtimes: all of them.
    """

    def __init__(self, runtimes: Sequence[Runtime]) -> None:
        self._by_name = {runtime.name: runtime for runtime in runtimes}

    @property
    def largest_input_bytes(self) -> int:
        """Largest input that any of them takes."""
        return max((runtime.input_sizes.max_bytes for runtime in self._by_name.values()), default=INPUT_MAX_BYTES)

    def named(self, name: str, field: str) -> Runtime:
        """Find a runtime by its name.

        Raises:
            ApiError: there is none.
        """
        if name in self._by_name:
            return self._by_name[name]
        raise not_found(
            "unknown_runtime",
            f"{field}: there is no runtime {described(name)}{nearest(name, self._by_name)}",
            field=field,
        )

    def accepting(self, name: str, field: str) -> Runtime:
        """Find a runtime that takes tasks by its name.

        Raises:
            ApiError: there is none, or it takes no further tasks.
        """
        runtime = self.named(name, field)
        if runtime.retired:
            raise runtime_retired(runtime.name, field)
        return runtime

    def serving(self, checkpoint: str, field: str) -> Runtime:
        """Find the runtime that serves a checkpoint: one whose own it is, else one that switches.

        Raises:
            ApiError: there is none, it takes no further tasks, or the name fits the checkpoints of several.
        """
        serving = [runtime for runtime in self._by_name.values() if runtime.runtime_type.has_checkpoint]
        accepting = [runtime for runtime in serving if not runtime.retired]
        owners = _owners(checkpoint, accepting)
        own = {normalized(str(runtime.model_filename)): runtime for runtime in reversed(owners)}
        if len(own) > 1:
            fitting = " and ".join(sorted(f"{path} (of {runtime.name})" for path, runtime in own.items()))
            raise ApiError(
                HTTPStatus.BAD_REQUEST,
                "ambiguous_checkpoint",
                f"{field}: must say which checkpoint is meant, got {described(checkpoint)}, which fits {fitting}",
                field=field,
            )
        for runtime in (*owners, *(one for one in accepting if one.dynamic_model)):
            return runtime
        for retired in _owners(checkpoint, serving) or [one for one in serving if one.dynamic_model]:
            raise runtime_retired(retired.name, field)
        known = [runtime.model_filename for runtime in accepting if runtime.model_filename]
        raise not_found(
            "unknown_checkpoint",
            f"{field}: no runtime serves {described(checkpoint)}{nearest(checkpoint, known)}",
            field=field,
        )


def check_tasktype(tasktype: str, runtime: Runtime, field: str) -> None:
    """Check that a runtime does this kind of task.

    Raises:
        ApiError: it does not.
    """
    allowed = [one.name for one in runtime.runtime_type.task_types]
    if tasktype not in allowed:
        raise invalid(
            field,
            f"{tasktype!r} is no task for {runtime.name}, a {runtime.type} runtime; allowed: {', '.join(allowed)}",
        )


def _owners(checkpoint: str, runtimes: Sequence[Runtime]) -> list[Runtime]:
    """Those whose own checkpoint a name means; by its whole path, before any by less."""
    meant = [one for one in runtimes if one.model_filename is not None and means(checkpoint, one.model_filename)]
    whole = [one for one in meant if normalized(str(one.model_filename)) == normalized(checkpoint)]
    return whole or meant
