"""Files by which the agent tells the kubelet about its pod: the containers' probes look whether they are there."""

from pathlib import Path


class Marker:
    """A file that is there or not.

    Args:
        path: the file; None outside a pod, where nobody looks.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path

    @property
    def is_set(self) -> bool:
        """Whether the file is there."""
        return self._path is not None and self._path.exists()

    def set(self) -> None:
        """Let the file be there."""
        if self._path is not None:
            self._path.touch()

    def clear(self) -> None:
        """Let the file not be there."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)
