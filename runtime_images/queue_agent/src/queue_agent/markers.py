"""Files that report the state of the agent to the kubelet: the probes of the containers check whether they exist."""

from pathlib import Path


class Marker:
    """A file whose presence is a flag.

    Args:
        path: the file; None outside a pod, where no probe reads it.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path

    @property
    def is_set(self) -> bool:
        """Whether the file exists."""
        return self._path is not None and self._path.exists()

    def set(self) -> None:
        """Create the file."""
        if self._path is not None:
            self._path.touch()

    def clear(self) -> None:
        """Delete the file."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)
