"""Times of the task protocol: the relations that its safety depends on."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from sd_on_eks.config.rules.violation import Violation

if TYPE_CHECKING:
    from sd_on_eks.config.config import Config


def violations(config: "Config") -> Iterator[Violation]:
    """Violations in `taskProtocol` and `longestTask`."""
    try:
        times = config.task_protocol.times
    except ValueError as error:
        yield Violation(("taskProtocol",), _in_keys(str(error)))
        return
    for index, runtime in enumerate(config.models_runtime):
        if runtime.longest_task > times.max_task_age_s:
            message = f"must be less than taskProtocol.maxTaskAgeHours, got {runtime.longest_task:g} s"
            yield Violation(("modelsRuntime", index, "longestTask"), message)


def _in_keys(message: str) -> str:
    """A message with config keys in place of field names: `lease` for `lease_s`."""
    text = re.sub(r"\b([a-z_]+)_s\b", r"\1", message)
    return re.sub(r"_([a-z])", lambda found: found[1].upper(), text)
