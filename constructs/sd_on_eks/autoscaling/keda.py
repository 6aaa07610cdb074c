"""KEDA: sets a runtime's replicas by the length of its queue."""

from collections.abc import Sequence
from typing import Final

from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from constructs import Construct, IDependable

from sd_on_eks.cluster.helm_chart import chart
from sd_on_eks.cluster.pod_identity import associate, pod_identity_principal
from sd_on_eks.config.network import Registries

VERSION: Final = "2.20.2"
_REPOSITORY: Final = "https://kedacore.github.io/charts"
_NAMESPACE: Final = "keda"
_OPERATOR: Final = "keda-operator"


class Keda(Construct):
    """The operator, which may ask the runtimes' queues for their length and nothing else.

    Args:
        scope: the stack.
        construct_id: `Keda`.
        cluster: the cluster.
        registries: registries of one's own.
        starts_after: the nodes and the DNS that the operator needs.

    Attributes:
        chart: the operator. ScaledObjects are made after it and deleted before it: they carry its finalizers.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        cluster: eks.ICluster,
        registries: Registries,
        starts_after: Sequence[IDependable],
    ) -> None:
        super().__init__(scope, construct_id)
        self._role = iam.Role(
            self,
            "OperatorRole",
            description="KEDA's operator: reads the length of the runtimes' queues",
            assumed_by=pod_identity_principal(),
        )
        association = associate(
            self,
            "Association",
            cluster=cluster,
            namespace=_NAMESPACE,
            service_account=_OPERATOR,
            role=self._role,
        )
        own_images: dict[str, object] = {"global": {"image": {"registry": registries.images}}}
        self.chart: eks.HelmChart = chart(
            self,
            "Chart",
            cluster=cluster,
            repository=_REPOSITORY,
            own_registry=registries.charts,
            name="keda",
            namespace=_NAMESPACE,
            creates_namespace=True,
            version=VERSION,
            values={
                "clusterName": cluster.cluster_name,
                "priorityClassName": "system-cluster-critical",
                "serviceAccount": {"operator": {"name": _OPERATOR}},
                **(own_images if registries.images else {}),
            },
        )
        self.chart.node.add_dependency(*starts_after, association)

    def grant_queue_length(self, queue: sqs.IQueue) -> iam.Grant:
        """Let the operator read the length of a queue."""
        return queue.grant(self._role, "sqs:GetQueueAttributes")
