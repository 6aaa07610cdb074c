"""An image-to-image task of an SD Web UI ends with its image."""

from verification import samples
from verification.tasks import Tasks


def image_to_image(tasks: Tasks, runtime: str) -> str:
    """Submit one and keep its image."""
    return tasks.finish(runtime, "image-to-image", samples.image_to_image())
