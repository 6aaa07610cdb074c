"""TriggerAuthentication (KEDA)."""

from sd_on_eks.manifests.labels import labels
from sd_on_eks.manifests.manifest import Manifest


def trigger_authentication(*, runtime_name: str, namespace: str) -> Manifest:
    """KEDA reads the queue with the operator's role: without a role in this object, it uses its own Pod Identity."""
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "TriggerAuthentication",
        "metadata": {"name": runtime_name, "namespace": namespace, "labels": labels(runtime_name)},
        "spec": {"podIdentity": {"provider": "aws"}},
    }
