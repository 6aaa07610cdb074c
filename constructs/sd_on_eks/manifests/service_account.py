"""ServiceAccount."""

from sd_on_eks.manifests.labels import labels
from sd_on_eks.manifests.manifest import Manifest


def service_account(*, runtime_name: str, namespace: str) -> Manifest:
    """The account that a runtime's Pod Identity association names. Its token is mounted nowhere by itself."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": runtime_name, "namespace": namespace, "labels": labels(runtime_name)},
        "automountServiceAccountToken": False,
    }
