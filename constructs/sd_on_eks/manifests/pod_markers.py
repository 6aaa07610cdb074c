"""Files by which the agent reports to the kubelet and to the runtime's container: both containers mount their folder.

The agent makes and removes them: `READY` while the runtime and its model are, `RUNTIME_HUNG` when the runtime does not
stop what it was told to interrupt and has to be restarted. `FINISHED_FILES` lists files that the runtime needs no more.
"""

from typing import Final

from sd_on_eks.manifests.manifest import Manifest

_VOLUME: Final = "markers"
_FOLDER: Final = "/run/queue-agent"
READY: Final = f"{_FOLDER}/ready"
RUNTIME_HUNG: Final = f"{_FOLDER}/runtime-hung"
FINISHED_FILES: Final = f"{_FOLDER}/finished-files"


def mount(*, read_only: bool) -> Manifest:
    """Their folder in a container."""
    return {"name": _VOLUME, "mountPath": _FOLDER, "readOnly": read_only}


def volume() -> Manifest:
    """Their folder, in memory: it holds nothing but names; the agent keeps the list of files below 3 MiB."""
    return {"name": _VOLUME, "emptyDir": {"medium": "Memory", "sizeLimit": "8Mi"}}


def exists(marker: str) -> list[str]:
    """Command that succeeds while a marker is there."""
    return ["test", "-e", marker]


def is_absent(marker: str) -> list[str]:
    """Command that succeeds while a marker is not there."""
    return ["test", "!", "-e", marker]
