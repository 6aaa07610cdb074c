"""NodePools (Karpenter)."""

from typing import Final

from sd_on_eks.config.karpenter import Provisioner
from sd_on_eks.config.rules.names import FALLBACK_SUFFIX
from sd_on_eks.manifests.gpu_pool import GPU_RESOURCE, GPU_TAINT_KEY, POOL_LABEL
from sd_on_eks.manifests.labels import labels
from sd_on_eks.manifests.manifest import Manifest

_PREFERRED_WEIGHT: Final = 100
_FALLBACK_WEIGHT: Final = 10


def node_pools(*, runtime_name: str, config: Provisioner, max_replicas: int) -> list[Manifest]:
    """The NodePools of a runtime: which nodes Karpenter can launch, how many, and when it removes them.

    Karpenter does not support an order of instance types within a NodePool, so there are two: one for the preferred
    instance type, and one for the others, which is used when the preferred type has insufficient capacity. Without
    other types, the second NodePool exists with a GPU limit of 0: a NodePool that a later deployment omits would stay
    in the cluster and continue to launch nodes.

    Karpenter removes only empty nodes; it never moves running pods to save cost. Disruption budgets do not prevent
    expiration and Spot interruptions, so the safety of tasks depends on the agent's drain and not on budgets.
    """
    preferred, *others = config.choices
    limit = config.gpu_limit or max_replicas
    return [
        _node_pool(runtime_name, "", (preferred,), config, weight=_PREFERRED_WEIGHT, gpus=limit),
        _node_pool(
            runtime_name,
            FALLBACK_SUFFIX,
            tuple(others) or (preferred,),
            config,
            weight=_FALLBACK_WEIGHT,
            gpus=limit if others else 0,
        ),
    ]


def _node_pool(
    runtime_name: str, suffix: str, choices: tuple[str, ...], config: Provisioner, *, weight: int, gpus: int
) -> Manifest:
    reserved = ("reserved",) if config.capacity_reservation_ids else ()
    return {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodePool",
        "metadata": {"name": runtime_name + suffix, "labels": labels(runtime_name)},
        "spec": {
            "weight": weight,
            "template": {
                "metadata": {"labels": {POOL_LABEL: runtime_name}},
                "spec": {
                    "nodeClassRef": {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": runtime_name},
                    "requirements": [
                        *_instances(config, choices),
                        _any_of("karpenter.sh/capacity-type", (*reserved, *config.capacity_types)),
                        _any_of("kubernetes.io/arch", ("amd64",)),
                        _any_of("kubernetes.io/os", ("linux",)),
                    ],
                    "taints": [{"key": GPU_TAINT_KEY, "value": "true", "effect": "NoSchedule"}],
                    # The Mountpoint driver removes it when it can serve mounts.
                    "startupTaints": [{"key": "s3.csi.aws.com/agent-not-ready", "effect": "NoExecute"}],
                    "expireAfter": config.expire_after,
                    # Longer than a pod's termination grace period, and short enough for a stack deletion: the function
                    # that deletes the NodePool waits at most 15 minutes, after which instances would continue to run.
                    "terminationGracePeriod": "600s",
                },
            },
            "limits": {GPU_RESOURCE: gpus},
            "disruption": {
                "consolidationPolicy": "WhenEmpty",
                "consolidateAfter": config.consolidate_after,
                "budgets": [budget.model_dump(mode="json", exclude_defaults=True) for budget in config.budgets],
            },
        },
    }


def _instances(config: Provisioner, choices: tuple[str, ...]) -> list[Manifest]:
    if not config.instance_families:
        return [_any_of("node.kubernetes.io/instance-type", choices)]
    return [
        _any_of("karpenter.k8s.aws/instance-family", choices),
        # The last pod on a node with several GPUs would keep all of them.
        _any_of("karpenter.k8s.aws/instance-gpu-count", ("1",)),
    ]


def _any_of(key: str, values: tuple[str, ...]) -> Manifest:
    return {"key": key, "operator": "In", "values": list(values)}
