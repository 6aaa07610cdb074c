"""The build context of the queue agent's image."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import task_record
from sd_on_eks.staging import staged

RUNTIME_IMAGES: Final = Path(__file__).parents[2] / "runtime_images"
"""One folder an image: `queue_agent`, and one for each type of runtime, named like the type."""


@contextmanager
def agent_context(contexts: Path = RUNTIME_IMAGES) -> Iterator[Path]:
    """Put the agent's own files and the package of task states together.

    Both packages are under `src/` then, so the Dockerfile copies one folder.

    Args:
        contexts: folder of the build contexts.

    Yields:
        The build context; it is gone afterwards.

    Raises:
        StagingError: the agent's folder is missing.
    """
    folders = {"": contexts / "queue_agent", "src/task_record": Path(task_record.__file__).parent}
    with staged(folders=folders) as context:
        yield context
