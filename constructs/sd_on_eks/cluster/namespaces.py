"""The namespaces of the runtimes."""

from collections.abc import Iterable

from aws_cdk import RemovalPolicy
from aws_cdk import aws_eks_v2 as eks
from constructs import Construct, IDependable

from sd_on_eks.manifests.namespace import namespace

_EXISTING = frozenset({"default", "kube-system"})
"""Namespaces that every cluster has and that nobody may delete."""


class Namespaces(Construct):
    """One resource for each distinct namespace. A namespace stays when its last runtime goes.

    Args:
        scope: the stack.
        construct_id: `Namespaces`.
        cluster: the cluster.
        names: the namespaces of all runtimes, repeated or not.
    """

    def __init__(self, scope: Construct, construct_id: str, *, cluster: eks.ICluster, names: Iterable[str]) -> None:
        super().__init__(scope, construct_id)
        self._manifests: dict[str, IDependable] = {
            name: eks.KubernetesManifest(
                self,
                name,
                cluster=cluster,
                manifest=[namespace(name)],
                overwrite=True,
                # Deleted, it would take along what pods that drain need, and claims that are not of the stack.
                removal_policy=RemovalPolicy.RETAIN,
            )
            for name in sorted(set(names) - _EXISTING)
        }

    def dependable(self, name: str) -> list[IDependable]:
        """What an object in the namespace has to wait for: nothing where the cluster came with it."""
        return [self._manifests[name]] if name in self._manifests else []
