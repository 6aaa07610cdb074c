"""Limits of the number of images that a task of the SD Web UI generates."""

from collections.abc import Mapping
from typing import Any, Final

from .errors import invalid

MAX_IMAGES: Final = 64
"""Maximum number of images of a task. All of them are in one response, which the agent keeps in memory."""

MAX_BATCH: Final = 16
"""Maximum number of images that are generated at once. With AnimateDiff, `MAX_IMAGES` applies instead."""


def check_image_count(content: Mapping[str, Any], path: str) -> None:
    """Check how many images are generated at once and in total.

    Raises:
        ApiError: there are too many.
    """
    if content.get("batch_size", 1) > MAX_BATCH and not _animates(content):
        raise invalid(
            f"{path}.batch_size",
            f"must be a whole number from 1 to {MAX_BATCH}, or to {MAX_IMAGES} if AnimateDiff is enabled, "
            f"got the number {content['batch_size']}",
        )
    images = content.get("batch_size", 1) * content.get("n_iter", 1)
    if images > MAX_IMAGES:
        raise invalid(f"{path}.n_iter", f"must give at most {MAX_IMAGES} images with batch_size, got {round(images)}")


def _animates(content: Mapping[str, Any]) -> bool:
    """Whether AnimateDiff is enabled, which uses `batch_size` as its number of frames.

    https://github.com/continue-revolution/sd-webui-animatediff/blob/master/docs/how-to-use.md#api
    """
    for name, script in (content.get("alwayson_scripts") or {}).items():
        args = script.get("args") if isinstance(script, dict) and name.lower() == "animatediff" else None
        for one in args if isinstance(args, list) else ():
            if one is True or (isinstance(one, dict) and one.get("enable") is True):
                return True
    return False
