"""The asset of handlers: their folder, and the packages of ours that they may import."""

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
"""Packages that handlers import by their full names: place in the asset -> folder."""


@contextmanager
def handler_asset(folder: Path, *, files: Mapping[str, str] | None = None) -> Iterator[lambda_.Code]:
    """Stage the code of handlers, for all functions that are made meanwhile.

    Args:
        folder: the handlers' folder, a package; its modules import each other relatively.
        files: name -> content of text files that the handlers read, in their folder.

    Raises:
        StagingError: a folder or a distribution is missing or does not fit.
    """
    folders = {folder.name: folder, **_PACKAGES}
    placed = {f"{folder.name}/{name}": content for name, content in (files or {}).items()}
    with staged(folders=folders, files=placed, distributions=["aws-lambda-powertools"]) as asset:
        yield lambda_.Code.from_asset(str(asset), asset_hash=content_hash(asset), asset_hash_type=AssetHashType.CUSTOM)
