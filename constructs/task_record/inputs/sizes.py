"""Maximum sizes of inputs, in bytes of the decoded file, for base64 and links."""

from dataclasses import dataclass
from typing import Final

INPUTS_OF_A_TASK: Final = 3
"""The maximum total size is this many times the maximum size of one input."""

INPUT_MAX_BYTES: Final = 20 * 2**20
"""Maximum size of an input in a request body, and of uploaded content: both are read into memory."""

INPUTS_MAX_BYTES: Final = INPUTS_OF_A_TASK * INPUT_MAX_BYTES
"""Maximum total size of the inputs in a request body."""

DEFAULT_INPUT_MIB: Final = 100
"""Default maximum size of a workflow input: the default of ComfyUI."""

MAX_INPUT_MIB: Final = 2000
"""Upper limit of the configured maximum size of a workflow input."""


@dataclass(frozen=True, slots=True)
class InputSizes:
    """Size limits of a task's inputs.

    Attributes:
        max_bytes: of one input.
        max_total_bytes: of all inputs of a task.
    """

    max_bytes: int = INPUT_MAX_BYTES
    max_total_bytes: int = INPUTS_MAX_BYTES
