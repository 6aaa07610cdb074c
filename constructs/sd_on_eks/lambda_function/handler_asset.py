"""The asset of handlers: their folder, and the packages of this project that they can import."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from aws_cdk import AssetHashType
from aws_cdk import aws_lambda as lambda_

import task_record
from sd_on_eks import handler_support
from sd_on_eks.lambda_function.staging import content_hash, staged

_PACKAGES: Final = {
    package.__name__.replace(".", "/"): Path(str(package.__file__)).parent for package in (task_record, handler_support)
}
"""Packages that handlers import by their full names: path in the asset -> folder."""


@contextmanager
def handler_asset(folder: Path, *, files: Mapping[str, str] | None = None) -> Iterator[lambda_.Code]:
    """Stage the code of handlers for the functions that are created inside the `with` block.

    Args:
        folder: the handlers' folder, a package with relative imports.
        files: name -> content of additional text files in that folder.

    Raises:
        StagingError: a folder or a distribution is missing, or a distribution contains compiled files.
    """
    folders = {folder.name: folder, **_PACKAGES}
    placed = {f"{folder.name}/{name}": content for name, content in (files or {}).items()}
    with staged(folders=folders, files=placed, distributions=["aws-lambda-powertools"]) as asset:
        yield lambda_.Code.from_asset(str(asset), asset_hash=content_hash(asset), asset_hash_type=AssetHashType.CUSTOM)
