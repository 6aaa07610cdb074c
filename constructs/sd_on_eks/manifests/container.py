"""What both containers of a runtime's pod have in common."""

from collections.abc import Mapping

from sd_on_eks.config.workload import ResourceAmounts, Resources
from sd_on_eks.manifests.manifest import Manifest


def environment(variables: Mapping[str, str]) -> list[Manifest]:
    """Environment variables as Kubernetes lists them."""
    return [{"name": name, "value": value} for name, value in variables.items()]


def resources(
    config: Resources, *, requests: Mapping[str, str], limits: Mapping[str, str], always: Mapping[str, str]
) -> Manifest:
    """What a container asks for and may use.

    Args:
        config: the configuration; what it says goes before the defaults.
        requests: defaults of what is set aside.
        limits: defaults of what may be used at most.
        always: asked for and allowed whatever the configuration says; an extended resource needs both.
    """
    return {
        "requests": {**requests, **_amounts(config.requests), **always},
        "limits": {**limits, **_amounts(config.limits), **always},
    }


def _amounts(config: ResourceAmounts) -> dict[str, str]:
    return config.model_dump(exclude_none=True)


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
