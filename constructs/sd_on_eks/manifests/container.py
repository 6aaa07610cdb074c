"""What both containers of a runtime's pod have in common."""

from collections.abc import Mapping

from sd_on_eks.config.workload import Resources
from sd_on_eks.manifests.manifest import Manifest


def environment(variables: Mapping[str, str]) -> list[Manifest]:
    """Environment variables as Kubernetes lists them."""
    return [{"name": name, "value": value} for name, value in variables.items()]


def resources(config: Resources, *, always: Mapping[str, str]) -> Manifest:
    """What a container asks for and may use.

    Args:
        config: processors and memory.
        always: asked for and allowed as well; an extended resource needs both.
    """
    return {
        "requests": {**config.requests.model_dump(exclude_none=True), **always},
        "limits": {**config.limits.model_dump(exclude_none=True), **always},
    }


def security_context(uid: int) -> Manifest:
    """The restricted Pod Security Standard, a read-only root, and a user of the container's own."""
    return {
        "runAsNonRoot": True,
        "runAsUser": uid,
        "runAsGroup": uid,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
