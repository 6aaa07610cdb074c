"""What an environment was made from, which decides whether it is made.

The stamp is written last and at once. Everything that can be left half-made (by an interrupt, a full disk, a tool that
failed) has none, and is made from scratch.
"""

import hashlib
import json
import os
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_STAMP: Final = ".ready"


def this_python() -> str:
    """The Python that runs this, so that another one, or another release of it, differs."""
    return f"{sys.version.split()[0]} on {sysconfig.get_platform()} ({os.path.realpath(sys.executable)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """A folder of the clone that holds installed packages.

    Attributes:
        folder: where.
        inputs: files that decide what is in it.
        python: the Python that it is made with; empty for what has none.
    """

    folder: Path
    inputs: Sequence[Path]
    python: str = ""

    @property
    def name(self) -> str:
        """How people call it."""
        return self.folder.name

    @property
    def is_made(self) -> bool:
        """Whether it is there, and made from what there is now."""
        return self._has_interpreter() and self._read() == self._wanted()

    def reason_to_remake(self) -> str | None:
        """Why it cannot be brought up to date as it is.

        Returns:
            The reason, empty where there is nothing yet; None where it can be.
        """
        if not os.path.lexists(self.folder):
            return ""
        made_from, wanted = self._read(), self._wanted()
        if made_from is None:
            return "it was not finished"
        if made_from.get("folder") != wanted["folder"]:
            return f"it was made in {made_from.get('folder')}"
        if made_from.get("python") != wanted["python"]:
            return f"it was made with Python {made_from.get('python')} and this is {self.python}"
        if not self._has_interpreter():
            return "its Python interpreter is missing"
        return None

    def program(self, name: str) -> Path:
        """Find a program of it.

        Args:
            name: as it is called.
        """
        return self.folder / "bin" / name

    def begin(self) -> None:
        """Count it as not made from now on."""
        (self.folder / _STAMP).unlink(missing_ok=True)

    def finish(self) -> None:
        """Count it as made, from what there is now."""
        new = self.folder / f"{_STAMP}.new"
        new.write_text(json.dumps(self._wanted(), indent=1), encoding="utf-8")
        new.replace(self.folder / _STAMP)

    def _has_interpreter(self) -> bool:
        return not self.python or self.program("python").exists()

    def _wanted(self) -> dict[str, object]:
        # The folder counts: scripts and the editable install name it, so that a copied clone would run the original.
        return {
            "folder": str(self.folder),
            "python": self.python,
            "inputs": {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in self.inputs},
        }

    def _read(self) -> dict[str, object] | None:
        try:
            made_from = json.loads((self.folder / _STAMP).read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return None
        return made_from if isinstance(made_from, dict) else None
