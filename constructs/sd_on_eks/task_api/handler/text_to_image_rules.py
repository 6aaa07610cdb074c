"""What a text-to-image task's content must be like beyond its schema."""

from collections.abc import Mapping
from typing import Any, Final

from . import request_schema
from .errors import invalid
from .image_count import check_image_count

MAX_SIDE: Final = 8192
"""Pixels of one side after a second pass: four times 2048, where the sliders of the SD Web UI end."""


def check(content: Mapping[str, Any], path: str) -> None:
    """Check a content.

    Raises:
        ApiError: it cannot be run.
    """
    request_schema.text_to_image(content, path)
    check_image_count(content, path)
    if content.get("enable_hr"):
        scaled = not (content.get("hr_resize_x") or content.get("hr_resize_y"))
        for side in ("width", "height") if scaled else ():
            pixels = content.get(side, 512) * content.get("hr_scale", 2)
            if pixels > MAX_SIDE:
                raise invalid(
                    f"{path}.hr_scale", f"must leave {side} with at most {MAX_SIDE} pixels, got {round(pixels)}"
                )
