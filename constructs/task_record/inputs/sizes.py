"""How large inputs may be, in base64 or behind a link, counted as the bytes of the files."""

from dataclasses import dataclass
from typing import Final

INPUT_MAX_BYTES: Final = 20 * 2**20
"""Largest input of the SD Web UI, and largest content that is uploaded: both are read into memory."""

INPUTS_MAX_BYTES: Final = 60 * 2**20
"""Most of a task's inputs together for the SD Web UI."""

DEFAULT_INPUT_MIB: Final = 100
"""Largest input of a workflow where the configuration says nothing: what ComfyUI itself takes by default."""

MOST_INPUT_MIB: Final = 2000
"""Largest input of a workflow that may be configured."""

_INPUTS_OF_A_TASK: Final = 3
"""So many inputs of the largest size a task may have."""


@dataclass(frozen=True, slots=True)
class InputSizes:
    """Bounds of a task's inputs.

    Attributes:
        max_bytes: largest input.
        max_total_bytes: most of all together.
    """

    max_bytes: int = INPUT_MAX_BYTES
    max_total_bytes: int = INPUTS_MAX_BYTES


def input_sizes(runtime_type: str, max_input_mib: int | None = None) -> InputSizes:
    """Bounds of a runtime's inputs.

    Args:
        runtime_type: sdwebui, which gets its inputs inside the request, or comfyui, to which files are uploaded.
        max_input_mib: largest input of comfyui; `None` for the default.
    """
    if runtime_type != "comfyui":
        return InputSizes()
    max_bytes = (max_input_mib or DEFAULT_INPUT_MIB) * 2**20
    return InputSizes(max_bytes, _INPUTS_OF_A_TASK * max_bytes)
