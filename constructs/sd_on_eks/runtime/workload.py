"""A runtime in the cluster: its Kubernetes objects, and the role of its agents."""

from collections.abc import Sequence

from aws_cdk import Aws, CfnDeletionPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct, IDependable

from sd_on_eks.cluster.pod_identity import associate
from sd_on_eks.config.runtime import ModelsRuntime
from sd_on_eks.manifests.agent_container import AgentTargets
from sd_on_eks.manifests.deployment import PodImages, deployment
from sd_on_eks.manifests.ec2_node_class import NodeIdentity, ec2_node_class
from sd_on_eks.manifests.manifest import Manifest
from sd_on_eks.manifests.model_volume import model_volume
from sd_on_eks.manifests.node_pool import node_pools
from sd_on_eks.manifests.scaled_object import scaled_object
from sd_on_eks.manifests.service_account import agent_account
from sd_on_eks.manifests.trigger_authentication import trigger_authentication
from sd_on_eks.runtime.agent_metrics import AgentMetrics
from task_record.protocol_times import ProtocolTimes


class RuntimeWorkload(Construct):
    """Two resources: the Pod Identity association of the agents' service account, and the runtime's manifest.

    Args:
        scope: the scope of the runtime's constructs.
        construct_id: `Workload`.
        cluster: the cluster.
        runtime: the runtime.
        images: the images of its pods.
        queue: its queue.
        table: the task table.
        output_bucket: the bucket for results.
        metrics: the log group for its agents' metrics.
        input_bucket_names: buckets from which its tasks can read inputs.
        model_bucket: the bucket with its models.
        times: times of the task protocol.
        agent_role: the role of its agents.
        node_identity: the stack's settings for its nodes.
        starts_after: everything that the objects need when they are created and until they are deleted: the charts
            whose controllers remove the objects' finalizers, the driver of the model volume, the namespace.
    """

    def __init__(  # noqa: PLR0913 (keyword-only; each is a dependency of the pods)
        self,
        scope: Construct,
        construct_id: str,
        *,
        cluster: eks.ICluster,
        runtime: ModelsRuntime,
        images: PodImages,
        queue: sqs.IQueue,
        table: dynamodb.ITable,
        output_bucket: s3.IBucket,
        metrics: AgentMetrics,
        input_bucket_names: Sequence[str],
        model_bucket: s3.IBucket,
        times: ProtocolTimes,
        agent_role: iam.IRole,
        node_identity: NodeIdentity,
        starts_after: Sequence[IDependable],
    ) -> None:
        super().__init__(scope, construct_id)
        association = associate(
            self,
            "Association",
            cluster=cluster,
            namespace=runtime.namespace,
            service_account=agent_account(runtime.name),
            role=agent_role,
        )
        # A new name or namespace of the service account creates a new association, and draining pods still need the old
        # one. The old one is therefore retained, and scripts/leftovers.py lists it: a second resource per runtime would
        # exceed the resource limit of the stack.
        association.cfn_options.update_replace_policy = CfnDeletionPolicy.RETAIN
        association.cfn_options.deletion_policy = CfnDeletionPolicy.DELETE
        targets = AgentTargets(
            region=Aws.REGION,
            queue_url=queue.queue_url,
            table_name=table.table_name,
            bucket_name=output_bucket.bucket_name,
            metrics_log_group=metrics.log_group.log_group_name,
            metrics_namespace=metrics.NAMESPACE,
            input_bucket_names=input_bucket_names,
            times=times,
        )
        manifest = eks.KubernetesManifest(
            self,
            "Manifest",
            cluster=cluster,
            manifest=[
                *self._pod(runtime, images=images, targets=targets, model_bucket=model_bucket),
                *self._scaling(runtime, targets=targets),
                *self._nodes(runtime, node_identity),
            ],
            # Otherwise, a partially failed creation cannot be retried.
            overwrite=True,
        )
        manifest.node.add_dependency(association, *starts_after)

    # The objects are applied in this order. A Deployment without `replicas` starts with one replica. Before KEDA has
    # set the replicas, this pod must have neither a node nor a NodePool; otherwise, a first deployment launches a GPU
    # node.

    def _pod(
        self, runtime: ModelsRuntime, *, images: PodImages, targets: AgentTargets, model_bucket: s3.IBucket
    ) -> list[Manifest]:
        volume, claim_name = model_volume(
            runtime, bucket_name=model_bucket.bucket_name, region=targets.region, resolve=Stack.of(self).resolve
        )
        return [*volume, deployment(runtime=runtime, images=images, targets=targets, claim_name=claim_name)]

    @staticmethod
    def _scaling(runtime: ModelsRuntime, *, targets: AgentTargets) -> list[Manifest]:
        return [
            trigger_authentication(runtime_name=runtime.name, namespace=runtime.namespace),
            scaled_object(
                runtime_name=runtime.name,
                namespace=runtime.namespace,
                scaling=runtime.extra_values.runtime.scaling,
                queue_url=targets.queue_url,
                region=targets.region,
            ),
        ]

    @staticmethod
    def _nodes(runtime: ModelsRuntime, identity: NodeIdentity) -> list[Manifest]:
        karpenter = runtime.extra_values.karpenter
        return [
            ec2_node_class(runtime_name=runtime.name, identity=identity, config=karpenter),
            *node_pools(
                runtime_name=runtime.name,
                config=karpenter.provisioner,
                max_replicas=runtime.extra_values.runtime.scaling.max_replica_count,
            ),
        ]
