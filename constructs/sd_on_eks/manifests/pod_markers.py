"""Files by which the agent tells the kubelet about the pod; both containers' probes look at them.

The agent makes and removes them: `READY` while the runtime and its model are, `RUNTIME_HUNG` when the runtime does not
stop what it was told to interrupt and has to be restarted. The list of delivered files, which ComfyUI's janitor reads,
is here as well: `finished-files`.
"""

from typing import Final

from sd_on_eks.manifests.manifest import Manifest

_VOLUME: Final = "markers"
_FOLDER: Final = "/run/queue-agent"
READY: Final = f"{_FOLDER}/ready"
RUNTIME_HUNG: Final = f"{_FOLDER}/runtime-hung"


def mount(*, read_only: bool) -> Manifest:
    """Their folder in a container."""
    return {"name": _VOLUME, "mountPath": _FOLDER, "readOnly": read_only}


def volume() -> Manifest:
    """Their folder, in memory: it holds nothing but names, of a few thousand files at most."""
    return {"name": _VOLUME, "emptyDir": {"medium": "Memory", "sizeLimit": "8Mi"}}


def exists(marker: str) -> list[str]:
    """Command that succeeds while a marker is there."""
    return ["test", "-e", marker]


def is_absent(marker: str) -> list[str]:
    """Command that succeeds while a marker is not there."""
    return ["test", "!", "-e", marker]
