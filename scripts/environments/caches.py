"""Where pip, uv and npm keep packages: their own folders, or one of the clone where HOME cannot be written."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path


def unwritable_caches(environment: Mapping[str, str]) -> dict[str, Path]:
    """Find the caches that cannot be written.

    Args:
        environment: the environment of the tools.

    Returns:
        Variable that names a tool's cache -> the folder that it has now.
    """
    home = Path(environment.get("HOME") or os.path.expanduser("~"))  # noqa: PTH111 (Path.home fails without a home)
    caches = Path(environment.get("XDG_CACHE_HOME") or home / ".cache")
    usual = {"PIP_CACHE_DIR": caches / "pip", "UV_CACHE_DIR": caches / "uv", "npm_config_cache": home / ".npm"}
    folders = {variable: Path(environment.get(variable) or folder) for variable, folder in usual.items()}
    return {variable: folder for variable, folder in folders.items() if not _is_writable(folder)}


def _is_writable(folder: Path) -> bool:
    # Tried, since permissions say nothing to root, nor about a read-only file system.
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
