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
    """The control plane, access to it, and its logs.

    Several properties can be set only at creation: the name, no self-managed add-ons (the stack manages all add-ons),
    and no admin permissions for the principal that creates the cluster (an admin role of the stack has them).

    Args:
        scope: the stack.
        construct_id: `Cluster`.
        cluster_name: a literal. Condition keys in Karpenter's policies contain it, and a CloudFormation token cannot
            be part of a key.
        config: the cluster's configuration.
        network: the cluster's network.

    Attributes:
        cluster: the cluster, for charts, manifests and node groups.
        cluster_name: the literal name.
        security_group_id: security group of the control plane and of all nodes.
        config_command: shell command that configures kubectl for the cluster.
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
            # The default is EKS Auto Mode, whose nodes support neither a custom device plugin nor a custom snapshotter.
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
            # Objects that a later manifest omits stay in the cluster: draining pods may still use them. A volume that
            # is deleted while pods use it cannot be recreated by the next deployment.
            prune=False,
        )
        resource = cast("CfnResource", cluster.node.default_child)
        for number, group in enumerate(network.security_groups, start=1):
            # The first is the one that the CDK creates for the control plane.
            resource.add_property_override(f"ResourcesVpcConfig.SecurityGroupIds.{number}", group.security_group_id)
        # Otherwise EKS creates the log group, without a retention period, and it remains after a deletion.
        resource.node.add_dependency(log_group)
        # Includes endpoints that are not part of the VPC: the kubectl function needs them until the end of a deletion.
        resource.node.add_dependency(network)
        self.config_command: str = self._admit_administrators(cluster, config.admin_role_arns)

        self.security_group_id: str = cluster.cluster_security_group_id
        # For a type checker, the class does not implement its interface.
        self.cluster: eks.ICluster = cast("eks.ICluster", cluster)
        self._shorten_kubectl_logs(cluster)
        self._acknowledge(cluster)

    def _admit_administrators(self, cluster: eks.Cluster, role_arns: Sequence[str]) -> str:
        command = f"aws eks update-kubeconfig --name {self.cluster_name} --region {Aws.REGION}"
        for number, arn in enumerate(role_arns, start=1):
            cluster.grant_cluster_admin(f"AdminAccess{number}", arn)
        if role_arns:
            return command  # the caller is one of these administrators
        admin_role = self._build_admin_role()
        cluster.grant_cluster_admin("AdminAccess", admin_role.role_arn)
        return f"{command} --role-arn {admin_role.role_arn}"

    def _build_secrets_key(self) -> kms.Key:
        return kms.Key(
            self,
            "SecretsKey",
            description=f"Kubernetes Secrets of the EKS cluster {self.cluster_name}",
            enable_key_rotation=True,
            # Without the cluster, there is nothing to decrypt.
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
            # EKS writes to the log group with this name.
            log_group_name=f"/aws/eks/{self.cluster_name}/cluster",
            retention=logs.RetentionDays.ONE_MONTH,
            removal_policy=RemovalPolicy.DESTROY,
        )

    def _shorten_kubectl_logs(self, cluster: eks.Cluster) -> None:
        # The CDK creates these log groups with two years of retention and retains them after a deletion. All manifests
        # depend on the barrier: a function that logs before its group is created, or after it is deleted, creates one.
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
            reason="EKS documents this policy for the control plane's role and keeps it up to date.",
        )
        acknowledge(
            cast("CfnResource", cluster.node.default_child),
            ["AwsSolutions-EKS1"],
            reason="The public endpoint accepts only IAM principals with an access entry of the cluster.",
        )
        acknowledge(
            cast("CfnResource", cluster.node.default_child),
            ["AwsSolutions-EKS2"],
            reason="The API and audit logs are kept; the other three are for debugging EKS and add idle cost.",
        )
        acknowledge(
            cluster,
            [
                "Annotation::@aws-cdk/aws-eks:isolatedSubnetsForKubectlPrivateSubnets",
                "Annotation::@aws-cdk/aws-eks:clusterMustManuallyTagSubnet",
            ],
            reason="The endpoints exist, or the VPC's owner provides them; the stack creates no load balancers.",
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
                reason="The CDK defines these functions, which run kubectl and Helm in the VPC, and their roles.",
            )
        acknowledge(
            handler_role,
            [
                f"{policy}AmazonEC2ContainerRegistryReadOnly]",
                f"AwsSolutions-IAM4[Policy::{self._public_registry_policy(provider)}]",
            ],
            reason="The CDK defines the role of the Helm function, which pulls charts from registries.",
        )
        acknowledge(
            provider.node.find_child("Handler"),
            ["AwsSolutions-L1"],
            reason="The CDK selects the latest Python runtime that its handler is tested with.",
        )
        handler = cast("lambda_.IFunction", provider.node.find_child("Handler"))
        acknowledge_wildcards(
            framework.node.find_child("ServiceRole"),
            [f"{handler.function_arn}:*"],
            reason="The CDK's provider framework can invoke any version of the function that it runs.",
        )

    def _public_registry_policy(self, provider: IConstruct) -> str:
        """The managed policy that the CDK attaches if the partition has ECR Public, in the format of the report."""
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
