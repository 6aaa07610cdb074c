"""What goes into a Lambda asset or an image: folders of this checkout, distributions of its environment, made files.

Nothing is installed or downloaded: the files are those that the app's own locked environment has. Neither the place of
the checkout nor times, modes or caches change the content, so the same sources give the same hash everywhere.
"""

import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement

_LEFT_OUT: Final = shutil.ignore_patterns("__pycache__", "*.pyc", "*.egg-info", ".*_cache")
_COMPILED: Final = frozenset({".so", ".pyd", ".dylib"})


class StagingError(Exception):
    """An asset cannot be staged: what is missing or does not fit, and where."""


@contextmanager
def staged(
    *, folders: Mapping[str, Path], distributions: Sequence[str] = (), files: Mapping[str, str] | None = None
) -> Iterator[Path]:
    """Put folders and installed distributions together; the result is gone afterwards.

    The CDK takes its own copy when an asset is made, so the folder only has to live that long.

    Args:
        folders: place in the asset (`""` for its root) -> folder to copy.
        distributions: names of installed distributions; what they require comes along.
        files: place in the asset -> content of text files that no checkout has.

    Yields:
        The folder.

    Raises:
        StagingError: a folder or a distribution is missing, or a distribution holds compiled files, which would run on
            one platform alone.
    """
    with tempfile.TemporaryDirectory(prefix="sd-on-eks-asset-") as temporary:
        target = Path(temporary) / "asset"
        target.mkdir()
        for place, folder in folders.items():
            if not folder.is_dir():
                raise StagingError(f"{folder} is no folder: it should become {place or '.'} of an asset")
            shutil.copytree(folder, target / place, ignore=_LEFT_OUT, dirs_exist_ok=True)
        for place, content in (files or {}).items():
            (target / place).write_text(content, encoding="utf-8")
        for distribution in _with_requirements(distributions):
            _copy_distribution(distribution, target)
        yield target


def content_hash(folder: Path) -> str:
    """SHA-256 over the names and contents of a folder's files, hex."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix().encode()
        content = path.read_bytes()
        digest.update(b"%d %s %d\n" % (len(name), name, len(content)))
        digest.update(content)
    return digest.hexdigest()


def _with_requirements(names: Sequence[str]) -> list[metadata.Distribution]:
    found: dict[str, metadata.Distribution] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError as error:
            raise StagingError(f"{name} is not installed in the app's environment: run `make setup`") from error
        if distribution.name in found:
            continue
        found[distribution.name] = distribution
        for line in distribution.requires or ():
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)
    return [found[name] for name in sorted(found)]


def _copy_distribution(distribution: metadata.Distribution, target: Path) -> None:
    for file in distribution.files or ():
        if file.suffix == ".pyc" or file.parts[0] == ".." or file.parts[0].endswith(".dist-info"):
            continue
        if file.suffix in _COMPILED:
            raise StagingError(f"{distribution.name} holds the compiled file {file}: Lambda assets are pure Python")
        copy = target / Path(*file.parts)
        copy.parent.mkdir(parents=True, exist_ok=True)
        source = Path(str(file.locate()))
        try:
            # Hundreds of small files for each asset: to copy them would take a tenth of the whole synthesis.
            copy.hardlink_to(source)
        except OSError:  # the temporary folder is on another file system
            shutil.copyfile(source, copy)
