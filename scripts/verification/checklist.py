"""Selects the checks of a deployment."""

from collections.abc import Iterator, Sequence
from functools import partial

from deployed_api import VerificationError
from task_record.runtime_types import RUNTIME_TYPES
from verification.check import Check
from verification.checks.api_key import api_key_is_needed
from verification.checks.task_type import task_ends_with_its_image
from verification.checks.text_to_image_v1alpha1 import text_to_image_v1alpha1
from verification.samples import SAMPLES
from verification.tasks import Tasks


def checks(tasks: Tasks, runtime_types: Sequence[str]) -> list[Check]:
    """The checks of a deployment in their order: of the API, then of the first runtime of each type.

    Args:
        tasks: submits tasks to the deployment.
        runtime_types: types of runtimes to check.

    Raises:
        VerificationError: the deployment has no runtime of a type.
    """
    of_api = Check("a request without an API key", partial(api_key_is_needed, tasks))
    return [of_api, *(check for runtime_type in runtime_types for check in _of_runtime(tasks, runtime_type))]


def _of_runtime(tasks: Tasks, runtime_type: str) -> Iterator[Check]:
    runtimes = tasks.api.runtimes
    name = next((name for name, kind in runtimes.items() if kind == runtime_type), None)
    if name is None:
        has = ", ".join(f"{name} ({kind})" for name, kind in runtimes.items())
        raise VerificationError(f"the stack has no {runtime_type} runtime; it has {has or 'none'}")
    for task_type in RUNTIME_TYPES[runtime_type].task_types:
        if task_type.name in SAMPLES:
            yield Check(f"{task_type.name} on {name}", partial(task_ends_with_its_image, tasks, name, task_type.name))
    if RUNTIME_TYPES[runtime_type].has_checkpoint:
        yield Check(f"text-to-image by v1alpha1 on {name}", partial(text_to_image_v1alpha1, tasks, name))
