"""The Karpenter controller: its permissions, its charts, and the role of the nodes that it launches."""

from collections.abc import Sequence
from typing import Final

from aws_cdk import Aws, Stack
from aws_cdk import aws_eks as eks_l1
from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_iam as iam
from constructs import Construct, IDependable

from sd_on_eks.autoscaling.karpenter import policies
from sd_on_eks.autoscaling.karpenter.interruption_queue import InterruptionQueue
from sd_on_eks.cluster.helm_chart import chart
from sd_on_eks.cluster.node_groups import build_node_role
from sd_on_eks.cluster.pod_identity import associate, pod_identity_principal
from sd_on_eks.config.cluster import ClusterConfig
from sd_on_eks.config.network import Registries
from sd_on_eks.nag import acknowledge_wildcards

VERSION: Final = "1.14.1"
_REGISTRY: Final = "oci://public.ecr.aws/karpenter"
_NAMESPACE: Final = "kube-system"
_SERVICE_ACCOUNT: Final = "karpenter"


class Karpenter(Construct):
    """The controller. The NodePools and the EC2NodeClass of each runtime define the nodes that it launches.

    Args:
        scope: the stack.
        construct_id: `Karpenter`.
        cluster: the cluster.
        cluster_name: its literal name, which is part of condition keys.
        config: the cluster's configuration.
        registries: registries with copies of the charts and the image.
        is_isolated: whether nodes have no internet access.
        system_node_count: number of nodes that the controller can run on; each replica needs a separate node.
        starts_after: the nodes and the DNS add-on, which the controller needs.

    Attributes:
        chart: the controller. NodePools and EC2NodeClasses are created after it and deleted before it.
        instance_profile: name of the instance profile of the launched nodes.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        cluster: eks.ICluster,
        cluster_name: str,
        config: ClusterConfig,
        registries: Registries,
        is_isolated: bool,
        system_node_count: int,
        starts_after: Sequence[IDependable],
    ) -> None:
        super().__init__(scope, construct_id)
        self._cluster = cluster
        self._cluster_name = cluster_name
        self._registries = registries
        node_role, profile, access = self._build_node_role()
        interruption = InterruptionQueue(self, "Interruption")
        role = self._build_controller_role(node_role=node_role, queue_arn=interruption.queue.queue_arn)
        association = associate(
            self,
            "Association",
            cluster=cluster,
            namespace=_NAMESPACE,
            service_account=_SERVICE_ACCOUNT,
            role=role,
        )
        crds = self._chart("Crds", "karpenter-crd", values={})
        crds.node.add_dependency(*starts_after)
        self.chart: eks.HelmChart = self._chart(
            "Chart",
            "karpenter",
            values={
                # One replica per node: with more replicas than nodes, the chart would never become ready.
                "replicas": min(2, system_node_count),
                "serviceAccount": {"name": _SERVICE_ACCOUNT},
                "settings": {
                    "clusterName": cluster_name,
                    "interruptionQueue": interruption.queue.queue_name,
                    "eksControlPlane": True,
                    # Without internet access, the price list is unavailable.
                    "isolatedVPC": is_isolated,
                    "featureGates": {"nodeRepair": config.node_repair},
                },
                "controller": {
                    **self._image(),
                    # The pod cannot reach the instance metadata service (hop limit 1).
                    "env": [{"name": "AWS_REGION", "value": Aws.REGION}],
                    "resources": {
                        "requests": {"cpu": "250m", "memory": "512Mi"},
                        "limits": {"memory": "1Gi"},
                    },
                },
            },
        )
        # Created before the controller and, more importantly, deleted after it: it needs these to terminate instances.
        self.chart.node.add_dependency(crds, role, association, profile, access, interruption)
        self.instance_profile: str = profile.ref

    def _image(self) -> dict[str, object]:
        if self._registries.images is None:
            return {}
        return {"image": {"repository": f"{self._registries.images}/karpenter/controller"}}

    def _build_node_role(self) -> tuple[iam.Role, iam.CfnInstanceProfile, eks_l1.CfnAccessEntry]:
        # Not the role of the managed node groups: EKS creates the access entry of that role and rejects a second one.
        role = build_node_role(self, "NodeRole")
        # An instance profile created by the controller would prevent the deletion of the role with the stack.
        profile = iam.CfnInstanceProfile(self, "NodeProfile", roles=[role.role_name])
        access = eks_l1.CfnAccessEntry(
            self, "NodeAccess", cluster_name=self._cluster.cluster_name, principal_arn=role.role_arn, type="EC2_LINUX"
        )
        return role, profile, access

    def _build_controller_role(self, *, node_role: iam.IRole, queue_arn: str) -> iam.Role:
        stack = Stack.of(self)
        cluster_arn = stack.format_arn(service="eks", resource="cluster", resource_name=self._cluster_name)
        parts = {
            "NodeLifecyclePolicy": policies.node_lifecycle(self._cluster_name),
            "IamIntegrationPolicy": policies.iam_integration(node_role.role_arn),
            "EksIntegrationPolicy": policies.eks_integration(cluster_arn),
            "InterruptionPolicy": policies.interruption(queue_arn),
            "ZonalShiftPolicy": policies.zonal_shift(cluster_arn),
            "ResourceDiscoveryPolicy": policies.resource_discovery(),
        }
        managed = {
            construct_id: iam.ManagedPolicy(self, construct_id, statements=statements)
            for construct_id, statements in parts.items()
        }
        acknowledge_wildcards(
            managed["NodeLifecyclePolicy"],
            sorted({resource for statement in parts["NodeLifecyclePolicy"] for resource in statement.resources}),
            reason="Nodes have no names before they are launched; the cluster's tags in the conditions scope this.",
        )
        acknowledge_wildcards(
            managed["ZonalShiftPolicy"],
            ["*"],
            reason="The action has no resource types; a condition restricts it to the cluster.",
        )
        acknowledge_wildcards(
            managed["ResourceDiscoveryPolicy"],
            sorted({resource for statement in parts["ResourceDiscoveryPolicy"] for resource in statement.resources}),
            reason="Read-only: most actions have no resource types, and the AMI parameters are public AWS parameters.",
        )
        return iam.Role(
            self,
            "ControllerRole",
            description="Karpenter controller: launches and terminates GPU nodes",
            assumed_by=pod_identity_principal(),
            managed_policies=list(managed.values()),
        )

    def _chart(self, construct_id: str, name: str, *, values: dict[str, object]) -> eks.HelmChart:
        return chart(
            self,
            construct_id,
            cluster=self._cluster,
            repository=f"{_REGISTRY}/{name}",
            mirror=self._registries.charts,
            name=name,
            namespace=_NAMESPACE,
            creates_namespace=False,
            version=VERSION,
            values=values,
        )
