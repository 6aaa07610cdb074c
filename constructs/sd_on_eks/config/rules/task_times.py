"""Times of the task protocol: the relations that its safety depends on."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from pydantic.alias_generators import to_camel

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
            limit, found = (f"{seconds:.10g}" for seconds in (times.max_task_age_s, runtime.longest_task))
            message = f"must be at most {limit} (taskProtocol.maxTaskAgeHours), got {found}"
            yield Violation(("modelsRuntime", index, "longestTask"), message)


_KEYS: Final = {
    "max_task_age_s": "maxTaskAgeHours",
    "queue_retention_s": "queueRetentionDays",
    "dead_letter_retention_s": "deadLetterRetentionDays",
    "record_ttl_s": "recordTtlDays",
}
"""Keys that have another unit than the field."""


def _in_keys(message: str) -> str:
    """A message with config keys in place of field names: `lease` for `lease_s`."""
    return re.sub(r"\b[a-z_]+_s\b", lambda found: _KEYS.get(found[0]) or to_camel(found[0].removesuffix("_s")), message)
