"""What an image-to-image task's content must be like beyond its schema."""

from collections.abc import Mapping
from typing import Any

from . import request_schema
from .errors import invalid
from .image_count import check_image_count


def check(content: Mapping[str, Any], path: str) -> None:
    """Check a content.

    Raises:
        ApiError: it cannot be run.
    """
    request_schema.image_to_image(content, path)
    check_image_count(content, path)
    images = content["init_images"]
    if len(images) > content.get("batch_size", 1):
        raise invalid(
            f"{path}.init_images",
            f"must be one image, or at most as many as batch_size says ({content.get('batch_size', 1)}), "
            f"got {len(images)}",
        )
