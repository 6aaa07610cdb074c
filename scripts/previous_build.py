"""The agent of an earlier commit, to be run beside today's: by the benchmark, and by the test of compatibility."""

import io
import subprocess
import tarfile
from pathlib import Path
from typing import Final

COMMIT: Final = "4751fa9"
"""The build that is deployed where this one is not yet."""
_ROOT: Final = Path(__file__).resolve().parents[1]
_SOURCES: Final = ("runtime_images/queue_agent/src", "constructs/task_record")


class PreviousBuildMissingError(Exception):
    """The commit is not in the history of this clone."""


def extract_previous_build(folder: Path) -> tuple[Path, Path]:
    """Write the sources of the earlier agent into a folder.

    Returns:
        What `PYTHONPATH` needs to run it, and nothing of today's.

    Raises:
        PreviousBuildMissingError: the clone is shallow, or no clone at all.
    """
    git = ["git", "-C", str(_ROOT), "archive", COMMIT, *_SOURCES]
    try:
        archive = subprocess.run(git, check=True, capture_output=True)  # noqa: S603 (a constant command)
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        raise PreviousBuildMissingError(f"commit {COMMIT} is not in this clone's history") from error
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as sources:
        sources.extractall(folder, filter="data")
    return folder / "constructs", folder / "runtime_images/queue_agent/src"
