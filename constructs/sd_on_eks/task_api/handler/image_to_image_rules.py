"""Rules for the content of an image-to-image task that its schema cannot express."""

from collections.abc import Mapping
from typing import Any

from . import request_schema
from .errors import invalid
from .image_count import check_image_count


def check(content: Mapping[str, Any], path: str) -> None:
    """Check the content of a task.

    Raises:
        ApiError: it is invalid.
    """
    request_schema.image_to_image(content, path)
    check_image_count(content, path)
    images = content["init_images"]
    if len(images) > content.get("batch_size", 1):
        raise invalid(
            f"{path}.init_images",
            f"must be one image, or at most batch_size images ({content.get('batch_size', 1)}), got {len(images)}",
        )
