"""The runtimes of this deployment, and what each kind of them can do."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from task_record.tasktypes import TASKTYPES

from .errors import invalid, not_found


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """A runtime.

    Attributes:
        name: its name, as in the configuration.
        type: sdwebui or comfyui.
        model_filename: the checkpoint that it has loaded.
        dynamic_model: whether it switches to any checkpoint that a task names.
    """

    name: str
    type: str
    model_filename: str | None = None
    dynamic_model: bool = False


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
            "unknown_runtime", f"{field}: there is no runtime {name!r}{nearest(name, self._by_name)}", field=field
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
            "unknown_checkpoint", f"{field}: no runtime serves {checkpoint!r}{nearest(checkpoint, known)}", field=field
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


def nearest(name: str, known: Sequence[str] | dict[str, Runtime]) -> str:
    """A hint at the name that was probably meant, or at what there is."""
    found = difflib.get_close_matches(name, list(known), n=1)
    if found:
        return f"; did you mean {found[0]!r}?"
    return f"; there are: {', '.join(sorted(known))}" if known else ""
