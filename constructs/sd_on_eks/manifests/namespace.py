"""Namespace."""

from sd_on_eks.manifests.labels import PRODUCT_LABELS
from sd_on_eks.manifests.manifest import Manifest


def namespace(name: str) -> Manifest:
    """A namespace for runtimes. It enforces the restricted Pod Security Standard, which their pods meet."""
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": name,
            # https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
            "labels": PRODUCT_LABELS | {"pod-security.kubernetes.io/enforce": "restricted"},
        },
    }
