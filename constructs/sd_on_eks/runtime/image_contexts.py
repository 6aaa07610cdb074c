"""The build contexts of the images. `python -m sd_on_eks.runtime.image_contexts FOLDER` writes them."""

import argparse
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import task_record
from sd_on_eks.lambda_function.staging import staged
from task_record.runtime_types import RUNTIME_TYPES

RUNTIME_IMAGES: Final = Path(__file__).parents[3] / "runtime_images"
"""One folder per image: `queue_agent`, and one for each runtime type with its name; and `shared`, which the runtime
images have in common."""

AGENT: Final = "queue_agent"
_IMAGES: Final = (AGENT, *RUNTIME_TYPES)
_SHARED: Final = "shared"


@contextmanager
def image_context(name: str, contexts: Path = RUNTIME_IMAGES) -> Iterator[Path]:
    """Combine the files of an image with those that it shares.

    The agent's context has the package `task_record` next to its own package in `src/`, so that its Dockerfile copies
    one folder. A runtime's context has `shared/`.

    Args:
        name: `queue_agent`, or a runtime type.
        contexts: directory of the build contexts.

    Yields:
        The build context, which is deleted afterwards.

    Raises:
        StagingError: a folder is missing.
    """
    shared = {"src/task_record": Path(task_record.__file__).parent} if name == AGENT else {_SHARED: contexts / _SHARED}
    with staged(folders={"": contexts / name, **shared}) as context:
        yield context


def main() -> int:
    """Write the build contexts of all images to a folder."""
    parser = argparse.ArgumentParser(description="Write a folder with a Dockerfile for each image.")
    parser.add_argument("folder", type=Path, help="folder to write to")
    folder: Path = parser.parse_args().folder
    for name in _IMAGES:
        with image_context(name) as context:
            shutil.copytree(context, folder / name, dirs_exist_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
