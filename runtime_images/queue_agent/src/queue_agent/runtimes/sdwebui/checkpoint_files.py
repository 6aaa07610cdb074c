"""The checkpoint files that the SD Web UI lists."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

from task_record.checkpoint_names import normalized, stem
from task_record.model_folders import CHECKPOINT_FOLDERS, FOLDERS_WITHOUT_CHECKPOINTS

# The server lists all files in the model bucket with a checkpoint's extension. Folder names are case-insensitive.
_CHECKPOINT_FOLDERS: Final = frozenset(folder.lower() for folder in CHECKPOINT_FOLDERS)
_OTHER_FOLDERS: Final = frozenset(folder.lower() for folder in FOLDERS_WITHOUT_CHECKPOINTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointFile:
    """A checkpoint.

    Attributes:
        path: relative to the model folder; unique.
        whole_path: full path on the server.
        title: the name that the server accepts: the path, with or without a hash.
        sha256: hash of the content, if the server has computed it.
        shares_name: whether the name of the checkpoint in a response is ambiguous.
    """

    path: str
    whole_path: str
    title: str
    sha256: str | None
    shares_name: bool

    @property
    def names_in_answers(self) -> frozenset[str]:
        """Possible values of `info.sd_model_name`: the file name without its extension, and variants."""
        name = PurePosixPath(self.path).name
        return frozenset({_reported_name(self.path), stem(name), name, stem(self.path), self.path})


def files_of(models: Any) -> dict[str, CheckpointFile]:  # noqa: ANN401 (any JSON value)
    """The checkpoints in a response of `/sd-models`, by path, without files in folders of other model types."""
    entries = [one for one in models if isinstance(one, dict)] if isinstance(models, list) else []
    paths = [_path(entry) for entry in entries]
    kept = [(path, entry) for path, entry in zip(paths, entries, strict=True) if path and not _is_of_another_kind(path)]
    names = [_reported_name(path) for path in dict.fromkeys(path for path, _ in kept)]
    return {
        path: CheckpointFile(
            path=path,
            whole_path=_slashes(entry.get("filename")) or path,
            title=str(entry.get("title")),
            sha256=str(entry["sha256"]) if entry.get("sha256") else None,
            shares_name=names.count(_reported_name(path)) > 1,
        )
        for path, entry in kept
    }


def listed(names: Iterable[str]) -> str:
    """Names for a message, truncated if there are many."""
    every = sorted(names)
    more = f" and {len(every) - _MAX_LISTED} more" if len(every) > _MAX_LISTED else ""
    return ", ".join(every[:_MAX_LISTED]) + more if every else "none"


_MAX_LISTED: Final = 50


def _path(entry: dict[str, Any]) -> str:
    title, whole = normalized(str(entry.get("title") or "")), _slashes(entry.get("filename"))
    if not whole or f"/{whole}".endswith(f"/{title}"):
        return title
    # Titles of SD.Next have no extension.
    suffix = whole.removeprefix(stem(whole))
    return f"{title}{suffix}" if f"/{stem(whole)}".endswith(f"/{title}") else PurePosixPath(whole).name


def _slashes(path: Any) -> str:  # noqa: ANN401 (any JSON value)
    return path.replace("\\", "/") if isinstance(path, str) else ""


def _reported_name(path: str) -> str:
    # The server removes everything after the last dot.
    return PurePosixPath(path).stem


def _is_of_another_kind(path: str) -> bool:
    for folder in PurePosixPath(path.lower()).parts[:-1]:
        if folder in _CHECKPOINT_FOLDERS:
            return False
        if folder in _OTHER_FOLDERS:
            return True
    return False
