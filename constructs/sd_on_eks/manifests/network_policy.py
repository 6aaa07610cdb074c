"""NetworkPolicy."""

from typing import Final

from sd_on_eks.manifests.labels import PART_OF, PRODUCT_LABELS
from sd_on_eks.manifests.manifest import Manifest

_NAME: Final = "runtime-pods"


def network_policy(namespace: str) -> Manifest:
    """What the pods of a namespace's runtimes may reach: DNS, their own credentials, HTTPS. Nothing reaches them.

    It holds for the whole pod, so for custom nodes in the runtime, too. Private addresses stay open: the API server
    and the VPC's endpoints live there. The instance's metadata does not. No runtime is named: the policy holds for the
    pods of a runtime that has been removed until the last of them has ended.
    """
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": _NAME, "namespace": namespace, "labels": PRODUCT_LABELS},
        "spec": {
            "podSelector": {"matchLabels": PART_OF},
            "policyTypes": ["Ingress", "Egress"],
            "egress": [
                {
                    "to": [
                        {
                            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
                            "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
                        }
                    ],
                    "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
                },
                {
                    # The EKS Pod Identity agent of the node.
                    "to": [{"ipBlock": {"cidr": "169.254.170.23/32"}}],
                    "ports": [{"protocol": "TCP", "port": 80}],
                },
                {
                    "to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]}}],
                    "ports": [{"protocol": "TCP", "port": 443}],
                },
            ],
        },
    }
