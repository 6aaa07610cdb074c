"""Which file a checkpoint's name means.

Callers name a checkpoint as they know it: by its path in the model bucket, by its file name alone, without its suffix,
or by the title that the SD Web UI shows, which is the path with a hash behind it: `sdxl/base.safetensors [31e35c80fc]`.
A name means each file whose path ends in it at a folder's boundary. Upper and lower case differ, as in S3.
"""

import re
from collections.abc import Mapping
from typing import Final

SUFFIXES: Final = (".safetensors", ".ckpt", ".pt", ".pth", ".bin", ".pkl", ".sft", ".gguf")
"""Suffixes of checkpoint files, in capitals as well."""

_HASH: Final = re.compile(r" \[[0-9A-Fa-f]{8,64}\]$")
"""The hash in a title: 8, 10 or 64 hex digits, by the server's version. The brackets of `Foo [v2]` are its own."""


def normalized(name: str) -> str:
    """A name with slashes only, and without the hash of a title."""
    return _HASH.sub("", _with_slashes(name))


def stem(path: str) -> str:
    """A path without a checkpoint's suffix."""
    suffix = next((one for one in SUFFIXES if path.lower().endswith(one)), "")
    return path[: len(path) - len(suffix)]


def means(name: str, path: str) -> bool:
    """Whether a name means the file of a path, itself perhaps among others."""
    wanted, path = normalized(name), normalized(path)
    return any(f"/{one}".endswith(f"/{wanted}") for one in (path, stem(path)))


def files_named(name: str, files: Mapping[str, str]) -> list[str]:
    """The files that a name means, in their order; several where it does not say which.

    A name as it was written comes before the same without what may be a hash, and a file whose relative path it is
    before all longer paths that end in it: a file in the root has no other name.

    Args:
        name: as a caller wrote it.
        files: path below the model folder, as the server shows it -> whole path.
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
