"""What the pods of all runtimes need in the cluster beside their own manifest, for as long as one of them runs."""

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
    """Accounts and roles of all agents, and the network policy of each namespace, in one manifest that deletes nothing.

    A pod that is told to stop works on for minutes: with its account it would lose its credentials, with the network
    policy the limits of its egress. In a runtime's own manifest these objects would go when the runtime goes, before
    its pods have ended. Here an object that a later configuration leaves out stays in the cluster, where nothing uses
    it any more; the manifest as a whole stays, too, when the stack goes, when its last runtime is removed and when the
    update that made it is rolled back. `scripts/leftovers.py` lists such objects.

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
        if runtimes:  # kubectl refuses a manifest without objects
            eks.KubernetesManifest(
                self,
                "Manifest",
                cluster=cluster,
                manifest=list(_objects(runtimes)),
                # It may be there already: it stays when the stack's resource goes.
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
