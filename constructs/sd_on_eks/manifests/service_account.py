"""ServiceAccount of a runtime's agents."""

from sd_on_eks.config.rules.names import AGENT_SUFFIX
from sd_on_eks.manifests.labels import labels
from sd_on_eks.manifests.manifest import Manifest


def agent_account(runtime_name: str) -> str:
    """Name of the service account of a runtime's agents."""
    return runtime_name + AGENT_SUFFIX


def previous_agent_account(runtime_name: str) -> str:
    """Name of the service account of the previous release, which its pods keep until they are replaced.

    Its role binding is in the cluster, and the admission policy must recognize it. The next release does not need it.
    """
    return runtime_name


def service_account(*, runtime_name: str, namespace: str) -> Manifest:
    """The service account of a runtime's Pod Identity association. Its token is not mounted automatically."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": agent_account(runtime_name), "namespace": namespace, "labels": labels(runtime_name)},
        "automountServiceAccountToken": False,
    }
