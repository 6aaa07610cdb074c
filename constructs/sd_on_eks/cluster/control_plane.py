"""The EKS cluster."""

import json
from collections.abc import Sequence
from typing import cast

from aws_cdk import Aws, CfnCondition, CfnResource, Fn, RemovalPolicy, Stack
from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk.lambda_layer_kubectl_v35 import KubectlV35Layer
from constructs import Construct, IConstruct

from sd_on_eks.cluster.network import Network
from sd_on_eks.config.cluster import ClusterConfig
from sd_on_eks.nag import acknowledge, acknowledge_wildcards


class Cluster(Construct):
    """The control plane, the right to use it, and its logs.

    Several properties can only be set at creation and are decided here: the name, no self-managed add-ons (the stack
    manages them all), no rights for whoever happens to create the cluster (an admin role of the stack has them).

    Args:
        scope: the stack.
        construct_id: `Cluster`.
        cluster_name: a literal. Condition keys of Karpenter's policies contain it, and a CloudFormation token cannot
            be part of a key.
        config: the cluster's configuration.
        network: where it lives.

    Attributes:
        cluster: for charts, manifests, node groups.
        cluster_name: the literal name.
        security_group_id: security group of the control plane and of all nodes.
        config_command: shell command that lets kubectl speak to the cluster.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, cluster_name: str, config: ClusterConfig, network: Network
    ) -> None:
        super().__init__(scope, construct_id)
        self.cluster_name: str = cluster_name
        log_group = self._build_log_group()

        cluster = eks.Cluster(
            self,
            "Eks",
            cluster_name=cluster_name,
            version=eks.KubernetesVersion.of(config.version),
            vpc=network.vpc,
            vpc_subnets=[network.subnets],
            endpoint_access=_endpoint_access(config),
            # The default would be EKS Auto Mode, whose nodes take neither a device plugin nor a snapshotter of ours.
            default_capacity_type=eks.DefaultCapacityType.NODEGROUP,
            default_capacity=0,
            bootstrap_self_managed_addons=False,
            bootstrap_cluster_creator_admin_permissions=False,
            cluster_logging=[eks.ClusterLoggingTypes.API, eks.ClusterLoggingTypes.AUDIT],
            secrets_encryption_key=self._build_secrets_key() if config.own_secrets_key else None,
            kubectl_provider_options=eks.KubectlProviderOptions(
                kubectl_layer=KubectlV35Layer(self, "KubectlLayer"),
                private_subnets=network.subnets.subnets,
            ),
            output_config_command=False,
            # What a later manifest leaves out stays in the cluster: pods that drain may still use it, and a volume that
            # was deleted while they do is gone for good, even if the next deployment wants it again.
            prune=False,
        )
        resource = cast("CfnResource", cluster.node.default_child)
        for number, group in enumerate(network.security_groups, start=1):
            # The first is the one that the library makes for the control plane.
            resource.add_property_override(f"ResourcesVpcConfig.SecurityGroupIds.{number}", group.security_group_id)
        # EKS would make the log group itself, without retention, and leave it behind.
        resource.node.add_dependency(log_group)
        # Endpoints that are not part of the VPC: in a destroy the function that runs kubectl needs them to the end.
        resource.node.add_dependency(network)
        self.config_command: str = self._admit_administrators(cluster, config.admin_role_arns)

        self.security_group_id: str = cluster.cluster_security_group_id
        # The class does not satisfy its own interface for a type checker.
        self.cluster: eks.ICluster = cast("eks.ICluster", cluster)
        self._shorten_kubectl_logs(cluster)
        self._acknowledge(cluster)

    def _admit_administrators(self, cluster: eks.Cluster, role_arns: Sequence[str]) -> str:
        command = f"aws eks update-kubeconfig --name {self.cluster_name} --region {Aws.REGION}"
        for number, arn in enumerate(role_arns, start=1):
            cluster.grant_cluster_admin(f"AdminAccess{number}", arn)
        if role_arns:
            return command  # whoever runs it is one of them
        admin_role = self._build_admin_role()
        cluster.grant_cluster_admin("AdminAccess", admin_role.role_arn)
        return f"{command} --role-arn {admin_role.role_arn}"

    def _build_secrets_key(self) -> kms.Key:
        return kms.Key(
            self,
            "SecretsKey",
            description=f"Kubernetes secrets of the EKS cluster {self.cluster_name}",
            enable_key_rotation=True,
            # Without the cluster there is nothing that it could decrypt.
            removal_policy=RemovalPolicy.DESTROY,
        )

    def _build_admin_role(self) -> iam.Role:
        cluster_arn = Stack.of(self).format_arn(service="eks", resource="cluster", resource_name=self.cluster_name)
        return iam.Role(
            self,
            "AdminRole",
            description=f"Administrator of the EKS cluster {self.cluster_name}",
            assumed_by=iam.AccountRootPrincipal(),
            inline_policies={
                "DescribeCluster": iam.PolicyDocument(
                    statements=[iam.PolicyStatement(actions=["eks:DescribeCluster"], resources=[cluster_arn])]
                )
            },
        )

    def _build_log_group(self) -> logs.LogGroup:
        return logs.LogGroup(
            self,
            "ControlPlaneLogGroup",
            # The name that EKS writes to.
            log_group_name=f"/aws/eks/{self.cluster_name}/cluster",
            retention=logs.RetentionDays.ONE_MONTH,
            removal_policy=RemovalPolicy.DESTROY,
        )

    def _shorten_kubectl_logs(self, cluster: eks.Cluster) -> None:
        # The library makes these groups with two years of retention and keeps them after a destroy. Whatever kubectl
        # makes waits for the barrier: a function that writes before its group is made, or after it was deleted, makes
        # one.
        barrier = cluster.node.find_child("KubectlReadyBarrier")
        for child in cluster.node.find_all():
            if isinstance(child, logs.CfnLogGroup):
                child.retention_in_days = 30
                child.apply_removal_policy(RemovalPolicy.DESTROY)
                barrier.node.add_dependency(child)

    def _acknowledge(self, cluster: eks.Cluster) -> None:
        acknowledge(
            cluster.node.find_child("Role"),
            ["AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/AmazonEKSClusterPolicy]"],
            reason="The control plane acts with this role; EKS documents this policy for it and keeps it up to date.",
        )
        acknowledge(
            cast("CfnResource", cluster.node.default_child),
            ["AwsSolutions-EKS1"],
            reason="The public endpoint answers to IAM principals of the cluster's access entries alone.",
        )
        acknowledge(
            cast("CfnResource", cluster.node.default_child),
            ["AwsSolutions-EKS2"],
            reason="The API and audit logs are kept; the other three are for debugging EKS and cost idle money.",
        )
        acknowledge(
            cluster,
            [
                "Annotation::@aws-cdk/aws-eks:isolatedSubnetsForKubectlPrivateSubnets",
                "Annotation::@aws-cdk/aws-eks:clusterMustManuallyTagSubnet",
            ],
            reason="The endpoints are there, or the VPC's owner says so; nothing here makes load balancers.",
        )
        provider = cluster.node.find_child("KubectlProvider")
        handler_role = provider.node.find_child("Handler").node.find_child("ServiceRole")
        framework = provider.node.find_child("Provider").node.find_child("framework-onEvent")
        policy = "AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/"
        for role in (handler_role, framework.node.find_child("ServiceRole")):
            acknowledge(
                role,
                [
                    f"{policy}service-role/AWSLambdaBasicExecutionRole]",
                    f"{policy}service-role/AWSLambdaVPCAccessExecutionRole]",
                ],
                reason="The library's own functions that run kubectl and Helm in the VPC; not ours to shape.",
            )
        acknowledge(
            handler_role,
            [
                f"{policy}AmazonEC2ContainerRegistryReadOnly]",
                f"AwsSolutions-IAM4[Policy::{self._public_registry_policy(provider)}]",
            ],
            reason="The library's Helm function may pull charts from registries; the role is not ours to shape.",
        )
        acknowledge(
            provider.node.find_child("Handler"),
            ["AwsSolutions-L1"],
            reason="The library chooses the newest Python runtime that its handler is tested with.",
        )
        handler = cast("lambda_.IFunction", provider.node.find_child("Handler"))
        acknowledge_wildcards(
            framework.node.find_child("ServiceRole"),
            [f"{handler.function_arn}:*"],
            reason="The library's framework may invoke any version of the one function that it runs.",
        )

    def _public_registry_policy(self, provider: IConstruct) -> str:
        """The managed policy that the library attaches where the partition has a public registry, as in the report."""
        stack = Stack.of(self)
        condition = cast("CfnCondition", provider.node.find_child("Handler").node.find_child("HasEcrPublic"))
        policy = iam.ManagedPolicy.from_aws_managed_policy_name("AmazonElasticContainerRegistryPublicReadOnly")
        expression = Fn.condition_if(condition.logical_id, policy.managed_policy_arn, Aws.NO_VALUE)
        return json.dumps(stack.resolve(expression), separators=(",", ":"))


def _endpoint_access(config: ClusterConfig) -> eks.EndpointAccess:
    if config.endpoint_access == "private":
        return eks.EndpointAccess.PRIVATE
    access = eks.EndpointAccess.PUBLIC_AND_PRIVATE
    return access.only_from(*config.public_access_cidrs) if config.public_access_cidrs else access
