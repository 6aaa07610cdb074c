"""EKS add-ons in two groups: those that nodes need to become ready, and those that need nodes."""

import json
from collections.abc import Mapping, Sequence
from typing import Final

from aws_cdk import RemovalPolicy
from aws_cdk import aws_eks as eks_l1
from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct

from sd_on_eks.cluster.pod_identity import pod_identity_principal
from sd_on_eks.cluster.versions import (
    ADDONS,
    CLOUDWATCH_OBSERVABILITY_VERSION,
    METRICS_SERVER_VERSION,
    MOUNTPOINT_S3_CSI_VERSION,
    NODE_MONITORING_AGENT_VERSION,
    POD_IDENTITY_AGENT_VERSION,
    VPC_CNI_VERSION,
)
from sd_on_eks.config.cluster import ClusterConfig, KubernetesVersion
from sd_on_eks.nag import acknowledge, acknowledge_wildcards

_INSIGHTS_LOGS: Final = ("application", "dataplane", "host", "performance")
"""https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Container-Insights-reference.html"""


class NodeAddons(Construct):
    """Add-ons that must exist before the first node: without them, a node group fails with NodeCreationFailure.

    Args:
        scope: the stack.
        construct_id: `NodeAddons`.
        cluster: the cluster.
        version: its version.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, cluster: eks.ICluster, version: KubernetesVersion
    ) -> None:
        super().__init__(scope, construct_id)
        _addon(
            self,
            "VpcCni",
            cluster=cluster,
            name="vpc-cni",
            version=VPC_CNI_VERSION,
            # Without this, NetworkPolicy objects are accepted but not enforced.
            configuration={"enableNetworkPolicy": "true"},
            service_account="aws-node",
            role=self._build_cni_role(),
        )
        _addon(self, "KubeProxy", cluster=cluster, name="kube-proxy", version=ADDONS[version].kube_proxy)
        _addon(
            self,
            "PodIdentityAgent",
            cluster=cluster,
            name="eks-pod-identity-agent",
            version=POD_IDENTITY_AGENT_VERSION,
        )

    def _build_cni_role(self) -> iam.Role:
        role = iam.Role(
            self,
            "VpcCniRole",
            description="VPC CNI pods: manages the nodes' network interfaces",
            assumed_by=pod_identity_principal(),
            managed_policies=[iam.ManagedPolicy.from_aws_managed_policy_name("AmazonEKS_CNI_Policy")],
        )
        acknowledge(
            role,
            ["AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/AmazonEKS_CNI_Policy]"],
            reason="EKS documents this policy for the add-on and changes it together with the add-on.",
        )
        return role


class ClusterAddons(Construct):
    """Add-ons whose pods need nodes: without nodes they stay DEGRADED, and the first deployment times out.

    Args:
        scope: the stack.
        construct_id: `ClusterAddons`.
        cluster: the cluster.
        cluster_name: its literal name, which is part of log group names.
        config: the cluster's configuration.
        model_buckets: the buckets that the Mountpoint driver can read.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        cluster: eks.ICluster,
        cluster_name: str,
        config: ClusterConfig,
        model_buckets: Sequence[s3.IBucket],
    ) -> None:
        super().__init__(scope, construct_id)
        _addon(self, "CoreDns", cluster=cluster, name="coredns", version=ADDONS[config.version].core_dns)
        _addon(self, "MetricsServer", cluster=cluster, name="metrics-server", version=METRICS_SERVER_VERSION)
        _addon(
            self,
            "MountpointS3Csi",
            cluster=cluster,
            name="aws-mountpoint-s3-csi-driver",
            version=MOUNTPOINT_S3_CSI_VERSION,
            # GPU nodes are tainted, and they need the models.
            configuration={"node": {"tolerateAllTaints": True}},
            service_account="s3-csi-driver-sa",
            role=self._build_model_reader(model_buckets),
        )
        if config.observability:
            self._build_observability(cluster, cluster_name)
        if config.node_monitoring:
            _addon(
                self,
                "NodeMonitoring",
                cluster=cluster,
                name="eks-node-monitoring-agent",
                version=NODE_MONITORING_AGENT_VERSION,
            )

    def _build_observability(self, cluster: eks.ICluster, cluster_name: str) -> None:
        policy = "CloudWatchAgentServerPolicy"
        role = iam.Role(
            self,
            "ObservabilityRole",
            description="CloudWatch agent: publishes metrics and logs of nodes and pods",
            assumed_by=pod_identity_principal(),
            managed_policies=[iam.ManagedPolicy.from_aws_managed_policy_name(policy)],
        )
        acknowledge(
            role,
            [f"AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/{policy}]"],
            reason="AWS documents this policy for the add-on and changes it together with the add-on.",
        )
        addon = _addon(
            self,
            "Observability",
            cluster=cluster,
            name="amazon-cloudwatch-observability",
            version=CLOUDWATCH_OBSERVABILITY_VERSION,
            service_account="cloudwatch-agent",
            role=role,
        )
        for name in _INSIGHTS_LOGS:
            # Otherwise the agent creates them, without a retention period, and they remain after a deletion.
            log_group = logs.LogGroup(
                self,
                f"{name.capitalize()}LogGroup",
                log_group_name=f"/aws/containerinsights/{cluster_name}/{name}",
                retention=logs.RetentionDays.ONE_MONTH,
                removal_policy=RemovalPolicy.DESTROY,
            )
            addon.node.add_dependency(log_group)

    def _build_model_reader(self, buckets: Sequence[s3.IBucket]) -> iam.Role:
        """The driver's role. Runtimes have no credentials because custom nodes are third-party code."""
        objects = [bucket.arn_for_objects("*") for bucket in buckets]
        names = [bucket.bucket_arn for bucket in buckets]
        role = iam.Role(
            self,
            "ModelReader",
            description="Mountpoint S3 CSI driver: reads the model buckets",
            assumed_by=pod_identity_principal(),
            inline_policies={
                "ReadModels": iam.PolicyDocument(
                    statements=[
                        iam.PolicyStatement(sid="List", actions=["s3:ListBucket"], resources=names),
                        iam.PolicyStatement(sid="Read", actions=["s3:GetObject"], resources=objects),
                    ]
                )
            },
        )
        acknowledge_wildcards(role, objects, reason="Every object of the model bucket is a model.")
        return role


def _addon(
    scope: Construct,
    construct_id: str,
    *,
    cluster: eks.ICluster,
    name: str,
    version: str,
    configuration: Mapping[str, object] | None = None,
    service_account: str | None = None,
    role: iam.IRole | None = None,
) -> eks_l1.CfnAddon:
    """Create an add-on as L1 resource: the L2 construct supports neither Pod Identity nor conflict resolution."""
    associations = None
    if role is not None and service_account is not None:
        associations = [
            eks_l1.CfnAddon.PodIdentityAssociationProperty(role_arn=role.role_arn, service_account=service_account)
        ]
    return eks_l1.CfnAddon(
        scope,
        construct_id,
        cluster_name=cluster.cluster_name,
        addon_name=name,
        addon_version=version,
        configuration_values=json.dumps(configuration) if configuration else None,
        pod_identity_associations=associations,
        resolve_conflicts="OVERWRITE",
    )
