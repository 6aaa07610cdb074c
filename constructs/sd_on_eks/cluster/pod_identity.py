"""EKS Pod Identity: how a pod's service account gets an IAM role.

Associations are the CloudFormation resource, not the L2 `ServiceAccount`: that one also writes the annotation of the
older mechanism (IRSA) and makes the agent add-on by itself. An association may exist before its service account does.
"""

from aws_cdk import aws_eks as eks_l1
from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_iam as iam
from constructs import Construct


def pod_identity_principal() -> iam.IPrincipal:
    """Who assumes a role on behalf of a pod: the EKS service, which also tags the session with the pod's names."""
    return iam.ServicePrincipal("pods.eks.amazonaws.com").with_session_tags()


def associate(
    scope: Construct,
    construct_id: str,
    *,
    cluster: eks.ICluster,
    namespace: str,
    service_account: str,
    role: iam.IRole,
) -> eks_l1.CfnPodIdentityAssociation:
    """Give the pods of one service account a role."""
    return eks_l1.CfnPodIdentityAssociation(
        scope,
        construct_id,
        cluster_name=cluster.cluster_name,
        namespace=namespace,
        service_account=service_account,
        role_arn=role.role_arn,
    )
