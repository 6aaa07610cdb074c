"""How large inputs may be, in base64 or behind a link, counted as the bytes of the files."""

from dataclasses import dataclass
from typing import Final

INPUTS_OF_A_TASK: Final = 3
"""So many inputs of the largest size a task may have."""

INPUT_MAX_BYTES: Final = 20 * 2**20
"""Largest input inside a content, and largest content that is uploaded: both are read into memory."""

INPUTS_MAX_BYTES: Final = INPUTS_OF_A_TASK * INPUT_MAX_BYTES
"""Most of the inputs inside a content together."""

DEFAULT_INPUT_MIB: Final = 100
"""Largest input of a workflow where the configuration says nothing: what ComfyUI itself takes by default."""

MOST_INPUT_MIB: Final = 2000
"""Largest input of a workflow that may be configured."""


@dataclass(frozen=True, slots=True)
class InputSizes:
    """Bounds of a task's inputs.

    Attributes:
        max_bytes: largest input.
        max_total_bytes: most of all together.
    """

    max_bytes: int = INPUT_MAX_BYTES
    max_total_bytes: int = INPUTS_MAX_BYTES
