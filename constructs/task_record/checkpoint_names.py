"""Resolves the name of a checkpoint to a file.

A caller can name a checkpoint by its path in the model bucket, by its file name, without the extension, or by the title
that the SD Web UI shows: the path followed by a hash, as in `sdxl/base.safetensors [31e35c80fc]`. A name matches every
file whose path ends with it, at a folder boundary. Names are case-sensitive, as in S3.
"""

import re
from collections.abc import Mapping
from typing import Final

SUFFIXES: Final = (".safetensors", ".ckpt", ".pt", ".pth", ".bin", ".pkl", ".sft", ".gguf")
"""Extensions of checkpoint files, in lower case. The comparison ignores case."""

_HASH: Final = re.compile(r" \[[0-9A-Fa-f]{8,64}\]$")
"""The hash in a title: 8, 10 or 64 hex digits, depending on the server's version. `[v2]` in `Foo [v2]` is not a
hash."""


def normalized(name: str) -> str:
    """A name with forward slashes, without the hash of a title."""
    return _HASH.sub("", _with_slashes(name))


def stem(path: str) -> str:
    """A path without the extension of a checkpoint."""
    suffix = next((one for one in SUFFIXES if path.lower().endswith(one)), "")
    return path[: len(path) - len(suffix)]


def means(name: str, path: str) -> bool:
    """Whether a name matches the file at a path. It may match other files too."""
    wanted, path = normalized(name), normalized(path)
    return any(f"/{one}".endswith(f"/{wanted}") for one in (path, stem(path)))


def files_named(name: str, files: Mapping[str, str]) -> list[str]:
    """The files that match a name, in their order. More than one if the name is ambiguous.

    The exact name takes precedence over the name without a hash. A relative path that equals the name takes precedence
    over longer paths that end with it, because a file in the root has no longer path.

    Args:
        name: as the caller wrote it.
        files: path relative to the model folder, as the server shows it -> full path.
    """
    written = _with_slashes(name)
    for wanted in dict.fromkeys([written, normalized(name)]):
        for found in (
            [path for path in files if path == wanted],
            [path for path in files if stem(path) == wanted],
            [path for path, whole in files.items() if means(wanted, path) or means(wanted, whole)],
        ):
            if found:
                return found
    return []


def _with_slashes(name: str) -> str:
    return name.replace("\\", "/").removeprefix("./")
