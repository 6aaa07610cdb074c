"""EKS Pod Identity: IAM roles for service accounts of pods.

Associations are L1 resources and not the L2 construct `ServiceAccount`, which also adds the annotation of the older
mechanism (IRSA) and creates the agent add-on. An association can exist before its service account.
"""

from aws_cdk import aws_eks as eks_l1
from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_iam as iam
from constructs import Construct


def pod_identity_principal() -> iam.IPrincipal:
    """The principal that assumes roles for pods: the EKS service, which also adds session tags with the pod's names."""
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
    """Associate a role with the pods of a service account."""
    return eks_l1.CfnPodIdentityAssociation(
        scope,
        construct_id,
        cluster_name=cluster.cluster_name,
        namespace=namespace,
        service_account=service_account,
        role_arn=role.role_arn,
    )
