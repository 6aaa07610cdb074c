"""The namespaces of the runtimes."""

from collections.abc import Iterable

from aws_cdk import RemovalPolicy
from aws_cdk import aws_eks_v2 as eks
from constructs import Construct, IDependable

from sd_on_eks.manifests.namespace import namespace

_EXISTING = frozenset({"default", "kube-system"})
"""Namespaces that every cluster has and that cannot be deleted."""


class Namespaces(Construct):
    """One resource for each distinct namespace. A namespace is retained when its last runtime is removed.

    Args:
        scope: the stack.
        construct_id: `Namespaces`.
        cluster: the cluster.
        names: the namespaces of all runtimes; duplicates are allowed.
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
                # Deletion would also delete objects that draining pods need, and claims outside the stack.
                removal_policy=RemovalPolicy.RETAIN,
            )
            for name in sorted(set(names) - _EXISTING)
        }

    def dependable(self, name: str) -> list[IDependable]:
        """The dependencies of an object in the namespace; none for a namespace that every cluster has."""
        return [self._manifests[name]] if name in self._manifests else []
