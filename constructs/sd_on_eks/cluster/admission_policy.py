"""The admission policy for agents, which restricts them beyond RBAC."""

from collections.abc import Sequence

from aws_cdk import aws_eks_v2 as eks
from constructs import Construct

from sd_on_eks.manifests.deletion_cost import deletion_cost_policy, deletion_cost_policy_binding


class Admission(Construct):
    """One policy for all agents: with only a role, an agent could change any pod in its namespace, including images.

    Args:
        scope: the stack.
        construct_id: `Admission`.
        cluster: the cluster.
        runtimes: namespace and name of each runtime.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, cluster: eks.ICluster, runtimes: Sequence[tuple[str, str]]
    ) -> None:
        super().__init__(scope, construct_id)
        eks.KubernetesManifest(
            self,
            "Policy",
            cluster=cluster,
            manifest=[deletion_cost_policy(runtimes), deletion_cost_policy_binding()],
            overwrite=True,
        )
