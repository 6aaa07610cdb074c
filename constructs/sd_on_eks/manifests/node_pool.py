"""NodePool (Karpenter)."""

from sd_on_eks.config.models import Provisioner
from sd_on_eks.manifests.gpu_pool import GPU_RESOURCE, GPU_TAINT_KEY, POOL_LABEL
from sd_on_eks.manifests.labels import labels
from sd_on_eks.manifests.manifest import Manifest


def node_pool(*, runtime_name: str, config: Provisioner, max_replicas: int) -> Manifest:
    """Which nodes may be bought for a runtime, how many, and when they go.

    A node goes when it is empty; a busy one is never moved to save money. Disruption budgets do not hold back expiry
    or a spot interruption, so safety is the agent's drain and not a budget.
    """
    return {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodePool",
        "metadata": {"name": runtime_name, "labels": labels(runtime_name)},
        "spec": {
            "template": {
                "metadata": {"labels": {POOL_LABEL: runtime_name}},
                "spec": {
                    "nodeClassRef": {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": runtime_name},
                    "requirements": [
                        _any_of("node.kubernetes.io/instance-type", config.instance_types),
                        _any_of("karpenter.sh/capacity-type", config.capacity_types),
                        _any_of("kubernetes.io/arch", ("amd64",)),
                        _any_of("kubernetes.io/os", ("linux",)),
                    ],
                    "taints": [{"key": GPU_TAINT_KEY, "value": "true", "effect": "NoSchedule"}],
                    # The Mountpoint driver takes it away when it can serve mounts.
                    "startupTaints": [{"key": "s3.csi.aws.com/agent-not-ready", "effect": "NoExecute"}],
                    "expireAfter": "720h",
                    # Longer than a pod's grace period, and short enough for a destroy: the function that deletes the
                    # NodePool waits at most 15 minutes, and instances that it gave up on would go on costing money.
                    "terminationGracePeriod": "600s",
                },
            },
            "limits": {GPU_RESOURCE: config.gpu_limit or max_replicas},
            "disruption": {
                "consolidationPolicy": "WhenEmpty",
                "consolidateAfter": "60s",
                "budgets": [{"nodes": "100%", "reasons": ["Empty"]}, {"nodes": "1", "reasons": ["Drifted"]}],
            },
        },
    }


def _any_of(key: str, values: tuple[str, ...]) -> Manifest:
    return {"key": key, "operator": "In", "values": list(values)}
