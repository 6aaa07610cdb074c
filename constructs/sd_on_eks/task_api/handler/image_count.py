"""How many images a content of the SD Web UI asks for."""

from collections.abc import Mapping
from typing import Any, Final

from .errors import invalid

MAX_IMAGES: Final = 64
"""Images that one task makes: they come in one answer, which the agent must hold."""

MAX_BATCH: Final = 16
"""Images that are made at once. AnimateDiff makes as many frames at once as a task may have images."""


def check_image_count(content: Mapping[str, Any], path: str) -> None:
    """Check how many images are made, at once and together.

    Raises:
        ApiError: too many.
    """
    if content.get("batch_size", 1) > MAX_BATCH and not _animates(content):
        raise invalid(
            f"{path}.batch_size",
            f"must be a whole number from 1 to {MAX_BATCH}, or to {MAX_IMAGES} where AnimateDiff is enabled, "
            f"got the number {content['batch_size']}",
        )
    images = content.get("batch_size", 1) * content.get("n_iter", 1)
    if images > MAX_IMAGES:
        raise invalid(
            f"{path}.n_iter", f"must give at most {MAX_IMAGES} images, together with batch_size, got {round(images)}"
        )


def _animates(content: Mapping[str, Any]) -> bool:
    """Whether AnimateDiff is enabled, which takes `batch_size` for its number of frames.

    https://github.com/continue-revolution/sd-webui-animatediff/blob/master/docs/how-to-use.md#api
    """
    for name, script in (content.get("alwayson_scripts") or {}).items():
        args = script.get("args") if isinstance(script, dict) and name.lower() == "animatediff" else None
        for one in args if isinstance(args, list) else ():
            if one is True or (isinstance(one, dict) and one.get("enable") is True):
                return True
    return False
