"""Namespace."""

from sd_on_eks.manifests.manifest import Manifest


def namespace(name: str) -> Manifest:
    """A namespace for runtimes; the Pod Security Standard that their pods meet is enforced."""
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": name,
            "labels": {
                "app.kubernetes.io/part-of": "sd-on-eks",
                "app.kubernetes.io/managed-by": "sd-on-eks",
                # https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
                "pod-security.kubernetes.io/enforce": "restricted",
            },
        },
    }
