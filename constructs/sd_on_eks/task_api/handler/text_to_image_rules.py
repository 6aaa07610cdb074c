"""Rules for the content of a text-to-image task that its schema cannot express."""

from collections.abc import Mapping
from typing import Any, Final

from . import request_schema
from .errors import invalid
from .image_count import check_image_count

MAX_SIDE: Final = 8192
"""Maximum number of pixels of a side after the second pass: four times 2048, the limit of the SD Web UI's sliders."""


def check(content: Mapping[str, Any], path: str) -> None:
    """Check the content of a task.

    Raises:
        ApiError: it is invalid.
    """
    request_schema.text_to_image(content, path)
    check_image_count(content, path)
    if content.get("enable_hr"):
        scaled = not (content.get("hr_resize_x") or content.get("hr_resize_y"))
        for side in ("width", "height") if scaled else ():
            pixels = content.get(side, 512) * content.get("hr_scale", 2)
            if pixels > MAX_SIDE:
                raise invalid(
                    f"{path}.hr_scale", f"must scale {side} to at most {MAX_SIDE} pixels, got {round(pixels)}"
                )
