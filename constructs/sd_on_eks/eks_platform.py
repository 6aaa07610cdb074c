"""The EKS platform: the cluster, its autoscalers and the runtimes, which the serverless subset omits."""

from pathlib import Path

from aws_cdk import Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct, IDependable

from sd_on_eks.autoscaling.karpenter.construct import Karpenter
from sd_on_eks.autoscaling.keda import Keda
from sd_on_eks.cluster.addons import ClusterAddons, NodeAddons
from sd_on_eks.cluster.admission_policy import Admission
from sd_on_eks.cluster.control_plane import Cluster
from sd_on_eks.cluster.namespaces import Namespaces
from sd_on_eks.cluster.network import Network
from sd_on_eks.cluster.node_groups import NodeGroups
from sd_on_eks.config.config import Config
from sd_on_eks.config.runtime import ModelsRuntime
from sd_on_eks.manifests.ec2_node_class import NodeIdentity
from sd_on_eks.runtime.agent_access import AgentAccess
from sd_on_eks.runtime.agent_metrics import AgentMetrics
from sd_on_eks.runtime.image_contexts import RUNTIME_IMAGES
from sd_on_eks.runtime.images import Images
from sd_on_eks.runtime.model_buckets import ModelBuckets
from sd_on_eks.runtime.workload import RuntimeWorkload


class EksPlatform:
    """Creates the cluster's constructs directly in the stack, in the order of their dependencies.

    It is not a construct itself: its id would be part of every logical ID below it, and the logical IDs of the
    cluster's resources must not change.

    Args:
        stack: the stack.
        config: the configuration.
        model_bucket: the default model bucket.
        image_contexts: directory of the images' build contexts.

    Attributes:
        cluster: the cluster, for the stack's outputs.
    """

    def __init__(
        self, stack: Stack, *, config: Config, model_bucket: s3.IBucket, image_contexts: Path = RUNTIME_IMAGES
    ) -> None:
        self._config = config
        # A literal: a stack's own name property may be a token.
        name = config.stack_name
        network = Network(
            stack,
            "Network",
            config=config.network,
            cluster_name=name,
            availability_zones=config.availability_zones,
        )
        self.cluster: Cluster = Cluster(stack, "Cluster", cluster_name=name, config=config.cluster, network=network)
        eks_cluster = self.cluster.cluster
        security_group_ids = (
            self.cluster.security_group_id,
            *(group.security_group_id for group in network.security_groups),
        )
        self._model_buckets = ModelBuckets(stack, "ModelBuckets", default=model_bucket, runtimes=config.models_runtime)

        node_addons = NodeAddons(stack, "NodeAddons", cluster=eks_cluster, version=config.cluster.version)
        nodes = NodeGroups(
            stack,
            "NodeGroups",
            cluster=eks_cluster,
            system=config.cluster_components,
            gpu=config.gpu_node_groups,
            subnets=network.subnets,
            security_group_ids=security_group_ids,
            tags=config.tags,
        )
        nodes.node.add_dependency(node_addons)
        addons = ClusterAddons(
            stack,
            "ClusterAddons",
            cluster=eks_cluster,
            cluster_name=name,
            config=config.cluster,
            model_buckets=self._model_buckets.all,
        )
        addons.node.add_dependency(nodes.system)

        ready = (nodes.system, addons)
        karpenter = Karpenter(
            stack,
            "Karpenter",
            cluster=eks_cluster,
            cluster_name=name,
            config=config.cluster,
            registries=config.registries,
            is_isolated=not config.network.has_internet_access,
            system_node_count=config.cluster_components.desired_count,
            starts_after=ready,
        )
        self._node_identity = NodeIdentity(
            cluster_name=name,
            instance_profile=karpenter.instance_profile,
            security_group_ids=security_group_ids,
            subnet_ids=network.subnet_ids,
            tags=config.tags,
        )
        self._keda = Keda(stack, "Keda", cluster=eks_cluster, registries=config.registries, starts_after=ready)
        self._namespaces = Namespaces(
            stack, "Namespaces", cluster=eks_cluster, names=[runtime.namespace for runtime in config.models_runtime]
        )
        admission = Admission(
            stack,
            "Admission",
            cluster=eks_cluster,
            runtimes=[(runtime.namespace, runtime.name) for runtime in config.models_runtime],
        )
        access = AgentAccess(stack, "AgentAccess", cluster=eks_cluster, runtimes=config.models_runtime)
        # The policy must cover an agent before the agent has its role.
        access.node.add_dependency(admission, self._namespaces)
        self._images = Images(
            stack,
            "Images",
            runtimes=config.models_runtime,
            base_registry=config.registries.images,
            contexts=image_contexts,
        )
        # Including the always-on nodes: if they are not ready yet, Karpenter launches a node for a replica.
        self._runtimes_need: tuple[IDependable, ...] = (karpenter.chart, self._keda.chart, access, nodes)

    def add_runtime(
        self,
        scope: Construct,
        *,
        runtime: ModelsRuntime,
        queue: sqs.IQueue,
        table: dynamodb.ITable,
        output_bucket: s3.IBucket,
        metrics: AgentMetrics,
        agent_role: iam.IRole,
    ) -> RuntimeWorkload:
        """Run a runtime on the cluster.

        Args:
            scope: the scope of the runtime's constructs.
            runtime: a runtime of the configuration.
            queue: its queue.
            table: the task table.
            output_bucket: the bucket for results.
            metrics: the log group for its agents' metrics.
            agent_role: the role of its agents.
        """
        queue_length = self._keda.grant_queue_length(queue)
        workload = RuntimeWorkload(
            scope,
            "Workload",
            cluster=self.cluster.cluster,
            runtime=runtime,
            images=self._images.of(runtime),
            queue=queue,
            table=table,
            output_bucket=output_bucket,
            metrics=metrics,
            input_bucket_names=self._config.input_bucket_names,
            model_bucket=self._model_buckets.of(runtime),
            times=self._config.task_protocol.times,
            agent_role=agent_role,
            node_identity=self._node_identity,
            starts_after=[*self._runtimes_need, *self._namespaces.dependable(runtime.namespace)],
        )
        # A Deployment starts with one replica, and KEDA cannot remove it before it can read the queue.
        queue_length.apply_before(workload)
        return workload
