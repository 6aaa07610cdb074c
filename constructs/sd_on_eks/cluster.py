"""The EKS cluster."""

import json
from typing import Final, cast

from aws_cdk import Aws, CfnCondition, CfnResource, Fn, RemovalPolicy, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk.lambda_layer_kubectl_v35 import KubectlV35Layer
from constructs import Construct, IConstruct

from sd_on_eks.acknowledgment import acknowledge, acknowledge_wildcards

KUBERNETES_VERSION: Final = eks.KubernetesVersion.V1_35
"""Standard support until 2027-03; KEDA 2.20 is tested with it. The kubectl layer follows it, and the add-ons' versions.

https://docs.aws.amazon.com/eks/latest/userguide/kubernetes-versions.html
"""


class Cluster(Construct):
    """The control plane, the right to use it, and its logs.

    Several properties can only be set at creation and are decided here: the name, no self-managed add-ons (the stack
    manages them all), no rights for whoever happens to create the cluster (an admin role of the stack has them).

    Args:
        scope: the stack.
        construct_id: `Cluster`.
        cluster_name: a literal. Condition keys of Karpenter's policies contain it, and a CloudFormation token cannot
            be part of a key.
        vpc: the network.

    Attributes:
        cluster: for charts, manifests, node groups.
        cluster_name: the literal name.
        security_group_id: security group of the control plane and of all nodes.
        admin_role: administrator of the cluster; principals of the account may assume it if their own policies allow.
    """

    def __init__(self, scope: Construct, construct_id: str, *, cluster_name: str, vpc: ec2.IVpc) -> None:
        super().__init__(scope, construct_id)
        self.cluster_name: str = cluster_name
        self.admin_role: iam.IRole = self._build_admin_role()
        log_group = self._build_log_group()

        cluster = eks.Cluster(
            self,
            "Eks",
            cluster_name=cluster_name,
            version=KUBERNETES_VERSION,
            vpc=vpc,
            vpc_subnets=[ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS)],
            endpoint_access=eks.EndpointAccess.PUBLIC_AND_PRIVATE,
            # The default would be EKS Auto Mode, whose nodes take neither a device plugin nor a snapshotter of ours.
            default_capacity_type=eks.DefaultCapacityType.NODEGROUP,
            default_capacity=0,
            bootstrap_self_managed_addons=False,
            bootstrap_cluster_creator_admin_permissions=False,
            cluster_logging=[eks.ClusterLoggingTypes.API, eks.ClusterLoggingTypes.AUDIT],
            kubectl_provider_options=eks.KubectlProviderOptions(kubectl_layer=KubectlV35Layer(self, "KubectlLayer")),
            output_config_command=False,
        )
        # EKS would make the log group itself, without retention, and leave it behind.
        cast("CfnResource", cluster.node.default_child).node.add_dependency(log_group)
        cluster.grant_cluster_admin("AdminAccess", self.admin_role.role_arn)

        self.security_group_id: str = cluster.cluster_security_group_id
        # The class does not satisfy its own interface for a type checker.
        self.cluster: eks.ICluster = cast("eks.ICluster", cluster)
        self._shorten_kubectl_logs(cluster)
        self._acknowledge(cluster)

    @property
    def config_command(self) -> str:
        """Shell command that lets kubectl speak to the cluster as its administrator."""
        return (
            f"aws eks update-kubeconfig --name {self.cluster_name} --region {Aws.REGION}"
            f" --role-arn {self.admin_role.role_arn}"
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
        # The library makes these groups with two years of retention and keeps them after a destroy.
        for child in cluster.node.find_all():
            if isinstance(child, logs.CfnLogGroup):
                child.retention_in_days = 30
                child.apply_removal_policy(RemovalPolicy.DESTROY)

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
