"""Kubernetes objects that pods of all runtimes need for as long as they run, separate from the runtimes' manifests."""

from collections.abc import Iterator, Sequence

from aws_cdk import RemovalPolicy
from aws_cdk import aws_eks_v2 as eks
from constructs import Construct

from sd_on_eks.config.runtime import ModelsRuntime
from sd_on_eks.manifests.deletion_cost import deletion_cost_role, deletion_cost_role_binding
from sd_on_eks.manifests.manifest import Manifest
from sd_on_eks.manifests.network_policy import network_policy
from sd_on_eks.manifests.service_account import service_account


class AgentAccess(Construct):
    """Service accounts and roles of all agents, and the network policies, in one manifest that deletes nothing.

    A terminating pod continues to work for minutes. Without its service account it would lose its credentials, without
    the network policy its egress would not be restricted. In a runtime's manifest, these objects would be deleted with
    the runtime, before its pods have ended. Here, objects that a later configuration omits stay in the cluster, unused.
    The whole manifest also stays when the stack or its last runtime is deleted, and when the update that created it is
    rolled back. `scripts/leftovers.py` lists such objects.

    Args:
        scope: the stack.
        construct_id: `AgentAccess`.
        cluster: the cluster.
        runtimes: all runtimes.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, cluster: eks.ICluster, runtimes: Sequence[ModelsRuntime]
    ) -> None:
        super().__init__(scope, construct_id)
        if runtimes:  # kubectl rejects a manifest without objects
            eks.KubernetesManifest(
                self,
                "Manifest",
                cluster=cluster,
                manifest=list(_objects(runtimes)),
                # The objects may already exist: they are retained when the stack's resource is deleted.
                overwrite=True,
                removal_policy=RemovalPolicy.RETAIN,
            )


def _objects(runtimes: Sequence[ModelsRuntime]) -> Iterator[Manifest]:
    for namespace in sorted({runtime.namespace for runtime in runtimes}):
        yield network_policy(namespace)
    for runtime in runtimes:
        names = {"runtime_name": runtime.name, "namespace": runtime.namespace}
        yield service_account(**names)
        yield deletion_cost_role(**names)
        yield deletion_cost_role_binding(**names)
