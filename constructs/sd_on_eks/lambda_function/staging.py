"""Staging of Lambda assets and image contexts: folders of this checkout, installed distributions, generated files.

Nothing is installed or downloaded: the files come from the app's locked environment. The path of the checkout, file
times, modes and caches do not affect the content, so the same sources produce the same hash everywhere.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement

_LEFT_OUT: Final = shutil.ignore_patterns("__pycache__", "*.pyc", "*.egg-info", ".*_cache")
_COMPILED: Final = frozenset({".so", ".pyd", ".dylib"})


class StagingError(Exception):
    """An asset cannot be staged; the message has the path and the reason."""


@contextmanager
def staged(
    *, folders: Mapping[str, Path], distributions: Sequence[str] = (), files: Mapping[str, str] | None = None
) -> Iterator[Path]:
    """Copy folders and installed distributions to a temporary folder, which is deleted afterwards.

    The CDK copies the folder when it creates the asset, so it needs to exist only until then.

    Args:
        folders: path in the asset (`""` for its root) -> folder to copy.
        distributions: names of installed distributions; their requirements are included.
        files: path in the asset -> content of generated text files.

    Yields:
        The folder.

    Raises:
        StagingError: a folder or a distribution is missing, or a distribution contains compiled files, which run on
            only one platform.
    """
    with tempfile.TemporaryDirectory(prefix="sd-on-eks-asset-") as temporary:
        target = Path(temporary) / "asset"
        target.mkdir()
        for place, folder in folders.items():
            if not folder.is_dir():
                raise StagingError(f"{folder}: must be a folder, to be copied to {place or '.'} in an asset")
            shutil.copytree(folder, target / place, ignore=_LEFT_OUT, dirs_exist_ok=True)
        for place, content in (files or {}).items():
            (target / place).write_text(content, encoding="utf-8")
        for distribution in _with_requirements(distributions):
            _copy_distribution(distribution, target)
        yield target


def content_hash(folder: Path) -> str:
    """SHA-256 over the names and contents of a folder's files, hex."""
    digest = hashlib.sha256()
    # Strings, not paths: the folder has hundreds of files.
    for parent, _, names in sorted(os.walk(folder)):
        place = parent[len(str(folder)) :].replace(os.sep, "/")
        for name in sorted(names):
            path = f"{place}/{name}".encode()
            with open(f"{parent}/{name}", "rb") as file:  # noqa: PTH123 (as above)
                content = file.read()
            digest.update(b"%d %s %d\n" % (len(path), path, len(content)))
            digest.update(content)
    return digest.hexdigest()


def _with_requirements(names: Sequence[str]) -> list[str]:
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError as error:
            raise StagingError(f"{name} is not installed in the app's environment: run `make setup`") from error
        if distribution.name in found:
            continue
        found.add(distribution.name)
        for line in distribution.requires or ():
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)
    return sorted(found)


@cache
def _files_of(distribution: str) -> Mapping[str, str]:
    """The Python files of an installed distribution: path in the asset -> path of the file.

    Cached for all assets, because a distribution can have hundreds of files.

    Raises:
        StagingError: it contains compiled files.
    """
    found: dict[str, str] = {}
    for file in metadata.distribution(distribution).files or ():
        if file.suffix == ".pyc" or file.parts[0] == ".." or file.parts[0].endswith(".dist-info"):
            continue
        if file.suffix in _COMPILED:
            raise StagingError(
                f"{distribution}: must be pure Python to be part of a Lambda asset, got the compiled file {file}"
            )
        found[file.as_posix()] = str(file.locate())
    return found


def _copy_distribution(distribution: str, target: Path) -> None:
    files = _files_of(distribution)
    for folder in sorted({os.path.dirname(place) for place in files}):  # noqa: PTH120 (hundreds of files)
        (target / folder).mkdir(parents=True, exist_ok=True)
    for place, source in files.items():
        copy = f"{target}/{place}"
        try:
            # Hundreds of small files for each asset: copying them would take a tenth of the whole synthesis.
            os.link(source, copy)
        except OSError:  # the temporary folder is on another file system
            shutil.copyfile(source, copy)
