"""TriggerAuthentication (KEDA)."""

from sd_on_eks.manifests.labels import labels
from sd_on_eks.manifests.manifest import Manifest


def trigger_authentication(*, runtime_name: str, namespace: str) -> Manifest:
    """KEDA reads the queue as itself: without a role named here it takes the operator's own Pod Identity."""
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "TriggerAuthentication",
        "metadata": {"name": runtime_name, "namespace": namespace, "labels": labels(runtime_name)},
        "spec": {"podIdentity": {"provider": "aws"}},
    }
