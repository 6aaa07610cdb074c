"""Marker files with which the agent reports to the kubelet and the runtime container; both containers mount them.

The agent creates and removes them: `READY` while the runtime and its model are ready, `RUNTIME_HUNG` when the runtime
does not stop an interrupted task and must be restarted. `FINISHED_FILES` lists files that the runtime no longer needs.
"""

from typing import Final

from sd_on_eks.manifests.manifest import Manifest

_VOLUME: Final = "markers"
_FOLDER: Final = "/run/queue-agent"
READY: Final = f"{_FOLDER}/ready"
RUNTIME_HUNG: Final = f"{_FOLDER}/runtime-hung"
FINISHED_FILES: Final = f"{_FOLDER}/finished-files"


def mount(*, read_only: bool) -> Manifest:
    """The volume mount of their folder in a container."""
    return {"name": _VOLUME, "mountPath": _FOLDER, "readOnly": read_only}


def volume() -> Manifest:
    """The volume of their folder, in memory. It contains only names; the agent keeps the list of files below 3 MiB."""
    return {"name": _VOLUME, "emptyDir": {"medium": "Memory", "sizeLimit": "8Mi"}}


def exists(marker: str) -> list[str]:
    """Command that succeeds while a marker exists."""
    return ["test", "-e", marker]


def is_absent(marker: str) -> list[str]:
    """Command that succeeds while a marker does not exist."""
    return ["test", "!", "-e", marker]
