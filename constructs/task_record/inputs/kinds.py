"""What an input may be: the first part of its media type."""

from typing import Final

IN_CONTENT: Final = ("image",)
"""An input inside a content, which the SD Web UI opens itself."""

NAMED: Final = ("image", "video", "audio", "model")
"""A named input of a workflow."""
