"""Images of tasks: decoded, checked, and stored in a folder."""

import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image as Decoder
from PIL import UnidentifiedImageError

from verification.check import BrokenError

_SUFFIXES: Final = frozenset({".png", ".jpg", ".jpeg", ".webp", ".gif"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A downloaded and decoded image."""

    task: str
    file: str
    width: int
    height: int


def is_image(name: str) -> bool:
    """Whether a result is an image, by the suffix of its name."""
    return Path(name).suffix in _SUFFIXES


def keep_image(data: bytes, *, task: str, name: str, folder: Path, size: int) -> Image:
    """Write an image into a folder.

    Args:
        data: content of the file.
        task: id of the task.
        name: name in the output bucket.
        folder: folder for the image.
        size: requested width and height in pixels.

    Raises:
        BrokenError: it is not an image, has another size, or cannot be written.
    """
    try:
        with Decoder.open(io.BytesIO(data)) as image:
            image.load()
            width, height = image.size
    except (UnidentifiedImageError, OSError) as error:
        raise BrokenError(f"the image {name} cannot be decoded: {error}") from error
    if (width, height) != (size, size):
        raise BrokenError(f"the image {name} must be {size} x {size}, got {width} x {height}")
    file = folder / re.sub(r"[^A-Za-z0-9._-]", "_", name)
    try:
        file.write_bytes(data)
    except OSError as error:
        raise BrokenError(f"the image {name} cannot be written: {error}") from error
    return Image(task=task, file=str(file), width=width, height=height)
