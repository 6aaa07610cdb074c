"""Deployment of a runtime."""

from dataclasses import dataclass

from sd_on_eks.config.rules.names import SHARED_POOL
from sd_on_eks.config.runtime import ModelsRuntime
from sd_on_eks.config.workload import Toleration
from sd_on_eks.manifests import runtime_container as sidecar
from sd_on_eks.manifests.agent_container import AgentTargets, agent_container, agent_volumes
from sd_on_eks.manifests.gpu_pool import GPU_TAINT_KEY, POOL_LABEL
from sd_on_eks.manifests.labels import labels, selector_labels
from sd_on_eks.manifests.manifest import Manifest
from sd_on_eks.manifests.service_account import agent_account


@dataclass(frozen=True, slots=True, kw_only=True)
class PodImages:
    """Images of a runtime's pod, with tag or digest."""

    agent: str
    runtime: str


def deployment(*, runtime: ModelsRuntime, images: PodImages, targets: AgentTargets, claim_name: str) -> Manifest:
    """The pods of a runtime.

    `replicas` is not set: KEDA controls it, and each deployment would overwrite it. There is also no
    PodDisruptionBudget: it would not prevent a Spot interruption, but would prevent the eviction that notifies the
    agent.
    """
    workload = runtime.extra_values.runtime
    object_labels = workload.labels | labels(runtime.name)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": runtime.name, "namespace": runtime.namespace, "labels": object_labels},
        "spec": {
            "selector": {"matchLabels": selector_labels(runtime.name)},
            # A surge pod would exceed the GPU limit of the NodePool and stay pending forever.
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}},
            "progressDeadlineSeconds": 1800,  # includes launching a node and pulling the image
            "revisionHistoryLimit": 2,
            "template": {
                "metadata": {
                    "labels": object_labels,
                    "annotations": workload.annotations
                    | {
                        # Otherwise, Pod Identity also gives the agent's role to the runtime container.
                        "eks.amazonaws.com/skip-containers": sidecar.NAME,
                    },
                },
                "spec": {
                    "serviceAccountName": agent_account(runtime.name),
                    "automountServiceAccountToken": False,
                    "enableServiceLinks": False,
                    "terminationGracePeriodSeconds": runtime.grace_period_s,
                    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
                    "tolerations": [
                        {"key": GPU_TAINT_KEY, "operator": "Exists", "effect": "NoSchedule"},
                        *(_toleration(toleration) for toleration in workload.tolerations),
                    ],
                    "affinity": {"nodeAffinity": _node_affinity(runtime.name)},
                    "initContainers": [sidecar.runtime_container(runtime=runtime, image=images.runtime)],
                    "containers": [agent_container(runtime=runtime, image=images.agent, targets=targets)],
                    "volumes": [
                        *sidecar.runtime_volumes(claim_name=claim_name, config=workload.inference_api),
                        *agent_volumes(runtime),
                    ],
                },
            },
        },
    }


def _toleration(config: Toleration) -> Manifest:
    return config.model_dump(mode="json", exclude_none=True)


def _node_affinity(runtime_name: str) -> Manifest:
    """Nodes of this runtime or shared nodes. Shared nodes are preferred: they cost the same when they are idle."""

    def pool_in(*pools: str) -> Manifest:
        return {"matchExpressions": [{"key": POOL_LABEL, "operator": "In", "values": list(pools)}]}

    return {
        "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [pool_in(SHARED_POOL, runtime_name)]},
        "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "preference": pool_in(SHARED_POOL)}],
    }
