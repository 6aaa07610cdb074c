"""ServiceAccount of a runtime's agents."""

from sd_on_eks.config.rules.names import AGENT_SUFFIX
from sd_on_eks.manifests.labels import labels
from sd_on_eks.manifests.manifest import Manifest


def agent_account(runtime_name: str) -> str:
    """Name of the account of a runtime's agents."""
    return runtime_name + AGENT_SUFFIX


def previous_agent_account(runtime_name: str) -> str:
    """Name of the account of pods of the previous release, which keep it until they have been replaced.

    What binds it is in the cluster from then; the admission policy has to know it. The next release does without.
    """
    return runtime_name


def service_account(*, runtime_name: str, namespace: str) -> Manifest:
    """The account that a runtime's Pod Identity association names. Its token is mounted nowhere by itself."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": agent_account(runtime_name), "namespace": namespace, "labels": labels(runtime_name)},
        "automountServiceAccountToken": False,
    }
