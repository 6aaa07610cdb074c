"""The files of this repository, without what is generated or installed."""

import os
import subprocess
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]


def repository_files(root: Path = ROOT) -> list[str]:
    """Paths below the root, sorted: what git tracks or would add; without git, what `.gitignore` does not name."""
    # A checkout that another user owns, as in a container, is read as well.
    git = ["git", "-C", str(root), "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others"]
    try:
        listed = subprocess.run([*git, "--exclude-standard"], check=True, capture_output=True, text=True).stdout  # noqa: S603 (a constant command)
    except (FileNotFoundError, subprocess.CalledProcessError):
        return sorted(_walk(root))
    return sorted(name for name in listed.split("\0") if name and (root / name).is_file())


def _walk(root: Path) -> list[str]:
    ignored = [".git", *(line.strip("/") for line in (root / ".gitignore").read_text(encoding="utf-8").splitlines())]

    def kept(names: list[str]) -> list[str]:
        return [name for name in names if not any(fnmatch(name, pattern) for pattern in ignored)]

    found: list[str] = []
    for parent, folders, names in os.walk(root):
        folders[:] = kept(folders)
        found += [str(Path(parent, name).relative_to(root)) for name in kept(names)]
    return found
