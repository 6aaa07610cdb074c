"""A runtime in the cluster: its Kubernetes objects and its role."""

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
    """Two resources: the role's association with its agents' account, and one manifest of what is the runtime's.

    Args:
        scope: the runtime's own scope.
        construct_id: `Workload`.
        cluster: the cluster.
        runtime: the runtime.
        images: what its pod runs.
        queue: its queue.
        table: the task table.
        output_bucket: where its agent puts results.
        metrics: where its agent writes metrics.
        input_bucket_names: buckets that its tasks may link inputs from.
        model_bucket: where its models are.
        times: times of the task protocol.
        agent_role: the role of its agent.
        node_identity: what its nodes get from the stack.
        starts_after: whatever the objects need to be there first, and to be there still when they are deleted: the
            charts whose controllers carry the objects' finalizers, the driver of the model volume, the namespace.
    """

    def __init__(  # noqa: PLR0913 (keyword-only; each is one thing that the pod works on)
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
        # Another name or namespace of the account makes another association. Pods that drain still need the old one,
        # and a second resource for each runtime would not fit: it stays, and scripts/leftovers.py lists it.
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
            # Otherwise a creation that failed half-way cannot be repeated.
            overwrite=True,
        )
        manifest.node.add_dependency(association, *starts_after)

    # The objects are applied in this order. A Deployment without `replicas` begins with one: its pod must find neither
    # a node nor a pool to buy one from before KEDA has set the replicas, or a first deployment buys a GPU.

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
