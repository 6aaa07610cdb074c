"""The IAM policies of the Karpenter controller.

They have the same six parts and statement IDs as the CloudFormation template in Karpenter's getting-started guide for
version 1.14, so that changes in later versions are easy to compare: https://karpenter.sh/docs/reference/cloudformation/.
Every launched resource has the cluster's tag, and the controller can modify and terminate only resources with this tag.
Condition keys contain the cluster's name, which must therefore be a literal.

One part is smaller: instance profiles. The EC2NodeClasses use a profile of the stack, so the controller never creates,
tags or deletes one.
"""

from typing import Final

from aws_cdk import Aws
from aws_cdk import aws_iam as iam

_EC2: Final = f"arn:{Aws.PARTITION}:ec2:{Aws.REGION}"
_ANY_NODEPOOL: Final = "karpenter.sh/nodepool"
_CLUSTER_NAME_TAG: Final = "eks:eks-cluster-name"

_LAUNCHED: Final = tuple(
    f"{_EC2}:*:{kind}/*"
    for kind in ("fleet", "instance", "volume", "network-interface", "launch-template", "spot-instances-request")
)
"""Resources that a launch creates; each is tagged at creation."""

_LAUNCHED_FROM: Final = (
    f"{_EC2}::image/*",
    f"{_EC2}::snapshot/*",
    *(f"{_EC2}:*:{kind}/*" for kind in ("security-group", "subnet", "capacity-reservation", "placement-group")),
)
"""Resources that a launch uses; they do not have the cluster's tag."""


def node_lifecycle(cluster_name: str) -> list[iam.PolicyStatement]:
    """Launch, tag and terminate instances."""
    owned = f"kubernetes.io/cluster/{cluster_name}"
    requested_tags = {f"aws:RequestTag/{owned}": "owned", f"aws:RequestTag/{_CLUSTER_NAME_TAG}": cluster_name}
    of_this_cluster = {
        "StringEquals": {f"aws:ResourceTag/{owned}": "owned"},
        "StringLike": {f"aws:ResourceTag/{_ANY_NODEPOOL}": "*"},
    }
    return [
        iam.PolicyStatement(
            sid="AllowScopedEC2InstanceAccessActions",
            actions=["ec2:RunInstances", "ec2:CreateFleet"],
            resources=list(_LAUNCHED_FROM),
        ),
        iam.PolicyStatement(
            sid="AllowScopedEC2LaunchTemplateAccessActions",
            actions=["ec2:RunInstances", "ec2:CreateFleet"],
            resources=[f"{_EC2}:*:launch-template/*"],
            conditions=of_this_cluster,
        ),
        iam.PolicyStatement(
            sid="AllowScopedEC2InstanceActionsWithTags",
            actions=["ec2:RunInstances", "ec2:CreateFleet", "ec2:CreateLaunchTemplate"],
            resources=list(_LAUNCHED),
            conditions={
                "StringEquals": requested_tags,
                "StringLike": {f"aws:RequestTag/{_ANY_NODEPOOL}": "*"},
            },
        ),
        iam.PolicyStatement(
            sid="AllowScopedResourceCreationTagging",
            actions=["ec2:CreateTags"],
            resources=list(_LAUNCHED),
            conditions={
                "StringEquals": requested_tags
                | {"ec2:CreateAction": ["RunInstances", "CreateFleet", "CreateLaunchTemplate"]},
                "StringLike": {f"aws:RequestTag/{_ANY_NODEPOOL}": "*"},
            },
        ),
        iam.PolicyStatement(
            sid="AllowScopedResourceTagging",
            actions=["ec2:CreateTags"],
            resources=[f"{_EC2}:*:instance/*"],
            conditions=of_this_cluster
            | {
                "StringEqualsIfExists": {f"aws:RequestTag/{_CLUSTER_NAME_TAG}": cluster_name},
                "ForAllValues:StringEquals": {"aws:TagKeys": [_CLUSTER_NAME_TAG, "karpenter.sh/nodeclaim", "Name"]},
            },
        ),
        iam.PolicyStatement(
            sid="AllowScopedDeletion",
            actions=["ec2:TerminateInstances", "ec2:DeleteLaunchTemplate"],
            resources=[f"{_EC2}:*:instance/*", f"{_EC2}:*:launch-template/*"],
            conditions=of_this_cluster,
        ),
    ]


def iam_integration(node_role_arn: str) -> list[iam.PolicyStatement]:
    """Pass the node role to instances."""
    return [
        iam.PolicyStatement(
            sid="AllowPassingInstanceRole",
            actions=["iam:PassRole"],
            resources=[node_role_arn],
            conditions={"StringEquals": {"iam:PassedToService": ["ec2.amazonaws.com", "ec2.amazonaws.com.cn"]}},
        )
    ]


def eks_integration(cluster_arn: str) -> list[iam.PolicyStatement]:
    """Find the cluster's endpoint and version."""
    return [
        iam.PolicyStatement(
            sid="AllowAPIServerEndpointDiscovery", actions=["eks:DescribeCluster"], resources=[cluster_arn]
        )
    ]


def interruption(queue_arn: str) -> list[iam.PolicyStatement]:
    """Receive interruption events."""
    return [
        iam.PolicyStatement(
            sid="AllowInterruptionQueueActions",
            actions=["sqs:DeleteMessage", "sqs:GetQueueUrl", "sqs:ReceiveMessage"],
            resources=[queue_arn],
        )
    ]


def zonal_shift(cluster_arn: str) -> list[iam.PolicyStatement]:
    """Read whether a zonal shift of the cluster is active. The action has no resource types, only a condition."""
    return [
        iam.PolicyStatement(
            sid="AllowZonalShiftStatusReadOnly",
            actions=["arc-zonal-shift:GetManagedResource"],
            resources=["*"],
            conditions={"StringEquals": {"arc-zonal-shift:ResourceIdentifier": cluster_arn}},
        )
    ]


def resource_discovery() -> list[iam.PolicyStatement]:
    """Read available and launched capacity. Describe actions have no resource types."""
    described = (
        "CapacityReservations",
        "Images",
        "Instances",
        "InstanceStatus",
        "InstanceTypeOfferings",
        "InstanceTypes",
        "LaunchTemplates",
        "PlacementGroups",
        "SecurityGroups",
        "SpotPriceHistory",
        "Subnets",
    )
    return [
        iam.PolicyStatement(
            sid="AllowRegionalReadActions",
            actions=[f"ec2:Describe{kind}" for kind in described],
            resources=["*"],
            conditions={"StringEquals": {"aws:RequestedRegion": Aws.REGION}},
        ),
        iam.PolicyStatement(
            sid="AllowSSMReadActions",
            actions=["ssm:GetParameter"],
            resources=[f"arn:{Aws.PARTITION}:ssm:{Aws.REGION}::parameter/aws/service/*"],
        ),
        iam.PolicyStatement(sid="AllowPricingReadActions", actions=["pricing:GetProducts"], resources=["*"]),
        iam.PolicyStatement(
            sid="AllowUnscopedInstanceProfileListAction", actions=["iam:ListInstanceProfiles"], resources=["*"]
        ),
        iam.PolicyStatement(
            sid="AllowInstanceProfileReadActions",
            actions=["iam:GetInstanceProfile"],
            resources=[f"arn:{Aws.PARTITION}:iam::{Aws.ACCOUNT_ID}:instance-profile/*"],
        ),
    ]
