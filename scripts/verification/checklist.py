"""Which checks a deployment gets."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final

from deployed_api import VerificationError
from verification.check import Check
from verification.checks.api_key import api_key_is_needed
from verification.checks.image_to_image import image_to_image
from verification.checks.pipeline import pipeline
from verification.checks.text_to_image import text_to_image
from verification.checks.text_to_image_v1alpha1 import text_to_image_v1alpha1
from verification.tasks import Tasks

TaskCheck = Callable[[Tasks, str], str]
"""Takes the tasks and the name of a runtime."""

_OF_RUNTIMES: Final[Mapping[str, Mapping[str, TaskCheck]]] = {
    "sdwebui": {
        "text-to-image": text_to_image,
        "image-to-image": image_to_image,
        "text-to-image by v1alpha1": text_to_image_v1alpha1,
    },
    "comfyui": {"pipeline": pipeline},
}
"""Type of a runtime -> name -> check."""

RUNTIME_TYPES: Final = tuple(_OF_RUNTIMES)


def checks(tasks: Tasks, runtime_types: Sequence[str]) -> list[Check]:
    """The checks of a deployment, in their order: of the API, then of the first runtime of each type.

    Args:
        tasks: those of the deployment.
        runtime_types: which types to check.

    Raises:
        VerificationError: there is no runtime of a type.
    """
    of_api = Check("a request without an API key", partial(api_key_is_needed, tasks))
    return [of_api, *(check for runtime_type in runtime_types for check in _of_runtime(tasks, runtime_type))]


def _of_runtime(tasks: Tasks, runtime_type: str) -> Iterator[Check]:
    runtimes = tasks.api.runtimes
    name = next((name for name, kind in runtimes.items() if kind == runtime_type), None)
    if name is None:
        has = ", ".join(f"{name} ({kind})" for name, kind in runtimes.items())
        raise VerificationError(f"the stack has no {runtime_type} runtime; it has {has or 'none'}")
    for what, look in _OF_RUNTIMES[runtime_type].items():
        yield Check(f"{what} on {name}", partial(look, tasks, name))
