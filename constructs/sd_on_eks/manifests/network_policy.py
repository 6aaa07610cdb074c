"""NetworkPolicy."""

from typing import Final

from sd_on_eks.manifests.labels import PART_OF, PRODUCT_LABELS
from sd_on_eks.manifests.manifest import Manifest

_NAME: Final = "runtime-pods"


def network_policy(namespace: str) -> Manifest:
    """Restricts the egress of runtime pods in a namespace to DNS, Pod Identity and HTTPS, and denies all ingress.

    It applies to the whole pod, including custom nodes in the runtime. Private IP addresses are allowed because the API
    server and the VPC endpoints use them; the instance metadata service is not. The policy is independent of individual
    runtimes: it applies to the pods of a removed runtime until they have ended.
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
                    # The EKS Pod Identity Agent on the node.
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
