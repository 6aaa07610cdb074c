"""NetworkPolicy."""

from sd_on_eks.manifests.labels import labels, selector_labels
from sd_on_eks.manifests.manifest import Manifest


def network_policy(*, runtime_name: str, namespace: str) -> Manifest:
    """What a runtime's pod may reach: DNS, its own credentials, HTTPS. Nothing reaches the pod.

    It holds for the whole pod, so for custom nodes in the runtime, too. Private addresses stay open: the API server
    and the VPC's endpoints live there. The instance's metadata does not.
    """
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": runtime_name, "namespace": namespace, "labels": labels(runtime_name)},
        "spec": {
            "podSelector": {"matchLabels": selector_labels(runtime_name)},
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
