"""How large inputs may be, in base64 or behind a link, counted as the bytes of the files."""

from typing import Final

INPUT_MAX_BYTES: Final = 20 * 2**20
"""Largest input."""

INPUTS_MAX_BYTES: Final = 60 * 2**20
"""Most of a task's inputs together: the agent holds them in memory."""
