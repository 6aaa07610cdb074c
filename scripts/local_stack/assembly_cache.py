"""Cloud assemblies of the serverless subset, kept by the content of everything that they are made from.

Synthesis takes a third of the time of a run, and most runs change nothing that it reads. What it makes depends on the
configuration, on files of this checkout, and on the installed packages alone: its process gets none of the user's
environment. An edit inside an installed package is not noticed; `make clean` empties the cache.
"""

import contextlib
import hashlib
import os
import shutil
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from local_stack.emulator import ROOT

_READ_BY_SYNTHESIS: Final = ("cdk.json", "constructs", "stacks", "runtime_images", "scripts/local_stack/synthesis.py")
_KEPT: Final = 8


class AssemblyCache:
    """The assemblies that were made last.

    Args:
        folder: where they are kept; made when there is something to keep.
        checkout: the sources.
    """

    def __init__(self, folder: Path = ROOT / ".cache" / "local-stack", *, checkout: Path = ROOT) -> None:
        self._folder = folder
        self._checkout = checkout

    def key(self, config: str) -> str:
        """SHA-256, hex, over everything that an assembly is made from.

        Args:
            config: the configuration, as JSON.
        """
        digest = hashlib.sha256()
        packages = Path(sysconfig.get_path("purelib")).glob("*.dist-info")  # the names have the versions
        for part in (config, sys.version, *sorted(package.name for package in packages)):
            digest.update(b"%d " % len(part.encode()) + part.encode())
        for file in sorted(self._sources()):
            name, content = os.fsencode(file.relative_to(self._checkout)), file.read_bytes()
            digest.update(b"%d %s %d " % (len(name), name, len(content)) + content)
        return digest.hexdigest()

    def fetch(self, key: str, target: Path) -> bool:
        """Copy an assembly to where it is used.

        Returns:
            Whether there is one.
        """
        kept = self._folder / key
        try:
            shutil.copytree(kept, target)
            os.utime(kept)
        except OSError:  # it is not there, or another run is about to remove it
            shutil.rmtree(target, ignore_errors=True)
            return False
        return True

    def keep(self, key: str, assembly: Path) -> None:
        """Keep a copy of an assembly; where that is not possible, the next run synthesizes again."""
        temporary = self._folder / f"{key}.{os.getpid()}"
        with contextlib.suppress(OSError):
            shutil.copytree(assembly, temporary)
            temporary.rename(self._folder / key)  # fails when another run was faster
        shutil.rmtree(temporary, ignore_errors=True)
        with contextlib.suppress(OSError):
            by_age = sorted(self._folder.iterdir(), key=lambda kept: kept.stat().st_mtime, reverse=True)
            for old in by_age[_KEPT:]:
                shutil.rmtree(old, ignore_errors=True)

    def _sources(self) -> Iterator[Path]:
        for name in _READ_BY_SYNTHESIS:
            place = self._checkout / name
            for file in (place,) if place.is_file() else place.rglob("*"):
                if file.is_file() and file.parent.name != "__pycache__":
                    yield file
