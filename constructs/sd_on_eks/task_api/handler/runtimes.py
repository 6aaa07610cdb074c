"""The runtimes of this deployment, and what each kind of them can do."""

from collections.abc import Sequence
from dataclasses import dataclass

from task_record.tasktypes import TASKTYPES

from .errors import invalid, not_found
from .nearest import nearest
from .wrong_value import described


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """A runtime.

    Attributes:
        name: its name, as in the configuration.
        type: sdwebui or comfyui.
        model_filename: the checkpoint that it has loaded.
        dynamic_model: whether it switches to any checkpoint that a task names.
        backlog_limit: queued tasks above which a submit is refused; `None` for no limit.
        typical_task_s: how long a task typically takes, for the wait that a refusal names.
        max_replicas: how many pods do its tasks at most, for the same.
    """

    name: str
    type: str
    model_filename: str | None = None
    dynamic_model: bool = False
    backlog_limit: int | None = None
    typical_task_s: float = 10.0
    max_replicas: int = 1


class Runtimes:
    """The runtimes of this deployment.

    Args:
        runtimes: all of them.
    """

    def __init__(self, runtimes: Sequence[Runtime]) -> None:
        self._by_name = {runtime.name: runtime for runtime in runtimes}

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

    def serving(self, checkpoint: str, field: str) -> Runtime:
        """Find the runtime that serves a checkpoint: one that has it loaded, else one that switches.

        Raises:
            ApiError: there is none.
        """
        web_uis = [runtime for runtime in self._by_name.values() if runtime.type == "sdwebui"]
        for runtime in web_uis:
            if runtime.model_filename == checkpoint:
                return runtime
        for runtime in web_uis:
            if runtime.dynamic_model:
                return runtime
        known = [runtime.model_filename for runtime in web_uis if runtime.model_filename]
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
    allowed = TASKTYPES[runtime.type]
    if tasktype not in allowed:
        raise invalid(
            field,
            f"{tasktype!r} is no task for {runtime.name}, a {runtime.type} runtime; allowed: {', '.join(allowed)}",
        )
