"""A text-to-image task of an SD Web UI ends with its image."""

from verification import samples
from verification.tasks import Tasks


def text_to_image(tasks: Tasks, runtime: str) -> str:
    """Submit one and keep its image."""
    return tasks.finish(runtime, "text-to-image", samples.text_to_image())
