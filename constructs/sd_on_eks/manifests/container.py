"""Settings that both containers of a runtime's pod have in common."""

from collections.abc import Mapping

from sd_on_eks.config.workload import Resources
from sd_on_eks.manifests.manifest import Manifest


def environment(variables: Mapping[str, str]) -> list[Manifest]:
    """Environment variables in the format of Kubernetes."""
    return [{"name": str(name), "value": value} for name, value in variables.items()]


def resources(config: Resources, *, always: Mapping[str, str]) -> Manifest:
    """Resource requests and limits of a container.

    Args:
        config: CPU and memory.
        always: added to both requests and limits, which extended resources require.
    """
    return {
        "requests": {**config.requests.model_dump(exclude_none=True), **always},
        "limits": {**config.limits.model_dump(exclude_none=True), **always},
    }


def security_context(uid: int) -> Manifest:
    """The restricted Pod Security Standard, a read-only root file system, and a separate user for each container."""
    return {
        "runAsNonRoot": True,
        "runAsUser": uid,
        "runAsGroup": uid,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
