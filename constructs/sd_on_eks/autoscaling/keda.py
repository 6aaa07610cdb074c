"""KEDA: scales a runtime's replicas based on the length of its queue."""

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
    """The operator, which has permission only to read the length of the runtimes' queues.

    Args:
        scope: the stack.
        construct_id: `Keda`.
        cluster: the cluster.
        registries: registries with copies of the chart and its images.
        starts_after: the nodes and the DNS add-on, which the operator needs.

    Attributes:
        chart: the operator. ScaledObjects have its finalizers, so they are created after it and deleted before it.
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
        image_registry: dict[str, object] = {"global": {"image": {"registry": registries.images}}}
        self.chart: eks.HelmChart = chart(
            self,
            "Chart",
            cluster=cluster,
            repository=_REPOSITORY,
            mirror=registries.charts,
            name="keda",
            namespace=_NAMESPACE,
            creates_namespace=True,
            version=VERSION,
            values={
                "clusterName": cluster.cluster_name,
                "priorityClassName": "system-cluster-critical",
                "serviceAccount": {"operator": {"name": _OPERATOR}},
                **(image_registry if registries.images else {}),
            },
        )
        self.chart.node.add_dependency(*starts_after, association)

    def grant_queue_length(self, queue: sqs.IQueue) -> iam.Grant:
        """Grant the operator permission to read the length of a queue."""
        return queue.grant(self._role, "sqs:GetQueueAttributes")
