"""The complete permissions of each kind of role: a permission that is not listed here is an error.

`test_generated_configs.py` also fails if the table contains a permission that no role has.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import cel

from tests.synth.synthesis import Synthesis

Statement = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """The permissions of a role.

    Attributes:
        actions: every action.
        managed: names of AWS managed policies.
        on_anything: actions on all resources -> reason.
        wildcards: actions with a wildcard -> reason.
    """

    actions: frozenset[str] = frozenset()
    managed: frozenset[str] = frozenset()
    on_anything: Mapping[str, str] = field(default_factory=dict)
    wildcards: Mapping[str, str] = field(default_factory=dict)


def _rights(
    *actions: str,
    managed: Iterable[str] = (),
    on_anything: Mapping[str, str] | None = None,
    wildcards: Mapping[str, str] | None = None,
) -> Rights:
    return Rights(
        actions=frozenset(actions) | (on_anything or {}).keys() | (wildcards or {}).keys(),
        managed=frozenset(managed),
        on_anything=on_anything or {},
        wildcards=wildcards or {},
    )


_LOG: Final = ("logs:CreateLogStream", "logs:PutLogEvents")
_READ_STREAM: Final = (
    *("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"),
)
_KEEP_FAILURES: Final = ("s3:PutObject", "s3:ListBucket")
_PUBLISHER: Final = _rights(*_LOG, *_READ_STREAM, *_KEEP_FAILURES, "sns:Publish")
_NODE: Final = _rights(managed=["AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly"])

AGENT: Final = r"Runtimes\w*AgentRole"
KEDA: Final = "KedaOperatorRole"

_READS: Final = "it only reads, and takes no resource"
_LIBRARY: Final = "the library's own build project; the role is not ours to shape"

ROLES: Final[Mapping[str, Rights]] = {
    AGENT: _rights(
        *("sqs:ReceiveMessage", "sqs:ChangeMessageVisibility", "sqs:DeleteMessage"),
        *("dynamodb:GetItem", "dynamodb:UpdateItem"),
        *("s3:GetObject", "s3:PutObject"),
        *_LOG,
    ),
    KEDA: _rights("sqs:GetQueueAttributes"),
    "TaskApiHandlerRole": _rights(
        *_LOG,
        *("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"),
        *("dynamodb:Query", "dynamodb:ConditionCheckItem"),
        *("s3:GetObject", "s3:PutObject"),
    ),
    "TaskApiRestApiCloudWatchRole": _rights(managed=["service-role/AmazonAPIGatewayPushToCloudWatchLogs"]),
    "TaskApiCanaryDeploymentGroupServiceRole": _rights(managed=["service-role/AWSCodeDeployRoleForLambdaLimited"]),
    "TaskBusRelayRole": _PUBLISHER,
    "TaskBusNotifierRole": _PUBLISHER,
    "TaskRecoveryDeadLetterRole": _rights(
        *_LOG,
        *("dynamodb:GetItem", "dynamodb:UpdateItem", "s3:PutObject"),
        *("sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"),
    ),
    "TaskRecoveryReconcilerRole": _rights(
        *_LOG,
        *("dynamodb:GetItem", "dynamodb:UpdateItem", "dynamodb:Query", "sns:Publish"),
        *("sqs:GetQueueAttributes", "sqs:GetQueueUrl"),
    ),
    "NetworkVpcFlowLogIAMRole": _rights(*_LOG, "logs:DescribeLogStreams"),
    "ClusterAdminRole": _rights("eks:DescribeCluster"),
    "ClusterEksRole": _rights(managed=["AmazonEKSClusterPolicy"]),
    "NodeAddonsVpcCniRole": _rights(managed=["AmazonEKS_CNI_Policy"]),
    "ClusterAddonsModelReader": _rights("s3:ListBucket", "s3:GetObject"),
    "ClusterAddonsObservabilityRole": _rights(managed=["CloudWatchAgentServerPolicy"]),
    "NodeGroupsNodeRole": _NODE,
    "KarpenterNodeRole": _NODE,
    "KarpenterControllerRole": _rights(
        *("ec2:RunInstances", "ec2:CreateFleet", "ec2:CreateLaunchTemplate", "ec2:CreateTags"),
        *("ec2:TerminateInstances", "ec2:DeleteLaunchTemplate"),
        *("iam:PassRole", "iam:GetInstanceProfile", "eks:DescribeCluster", "ssm:GetParameter"),
        *("sqs:DeleteMessage", "sqs:GetQueueUrl", "sqs:ReceiveMessage"),
        on_anything={
            "arc-zonal-shift:GetManagedResource": "a condition names the cluster",
            "pricing:GetProducts": _READS,
            "iam:ListInstanceProfiles": _READS,
            **{
                f"ec2:Describe{kind}": _READS
                for kind in (
                    *("CapacityReservations", "Images", "InstanceStatus", "InstanceTypeOfferings", "InstanceTypes"),
                    *("Instances", "LaunchTemplates", "PlacementGroups", "SecurityGroups", "SpotPriceHistory"),
                    "Subnets",
                )
            },
        },
    ),
    # The following roles are defined by the CDK.
    "CustomVpcRestrictDefaultSGCustomResourceProviderRole": _rights(
        *("ec2:AuthorizeSecurityGroupIngress", "ec2:AuthorizeSecurityGroupEgress"),
        *("ec2:RevokeSecurityGroupIngress", "ec2:RevokeSecurityGroupEgress"),
        managed=["service-role/AWSLambdaBasicExecutionRole"],
    ),
    "ClusterEksKubectlProviderHandlerServiceRole": _rights(
        "eks:DescribeCluster",
        managed=[
            "service-role/AWSLambdaBasicExecutionRole",
            "service-role/AWSLambdaVPCAccessExecutionRole",
            "AmazonEC2ContainerRegistryReadOnly",
            "AmazonElasticContainerRegistryPublicReadOnly",
        ],
    ),
    "ClusterEksKubectlProviderframeworkonEventServiceRole": _rights(
        *("lambda:InvokeFunction", "lambda:GetFunction"),
        managed=["service-role/AWSLambdaBasicExecutionRole", "service-role/AWSLambdaVPCAccessExecutionRole"],
    ),
    r"DeployTimeBuildCustomResourceHandler\w+ServiceRole": _rights(
        "codebuild:StartBuild", managed=["service-role/AWSLambdaBasicExecutionRole"]
    ),
    r"ContainerImageBuild\w+Role": _rights(
        *("logs:CreateLogGroup", *_LOG),
        *("codebuild:BatchPutCodeCoverages", "codebuild:BatchPutTestCases"),
        *("codebuild:CreateReport", "codebuild:CreateReportGroup", "codebuild:UpdateReport"),
        *("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:CompleteLayerUpload", "ecr:DescribeImages"),
        *("ecr:GetDownloadUrlForLayer", "ecr:InitiateLayerUpload", "ecr:PutImage", "ecr:UploadLayerPart"),
        managed=["AmazonElasticContainerRegistryPublicReadOnly"],
        on_anything={"ecr:GetAuthorizationToken": "it takes no resource"},
        wildcards={"s3:GetBucket*": _LIBRARY, "s3:GetObject*": _LIBRARY, "s3:List*": _LIBRARY},
    ),
}
"""Logical id without its hash -> rights."""

_MOST_INLINE_CHARACTERS: Final = 10_240
_MOST_MANAGED_CHARACTERS: Final = 6_144
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""


def rights_of(made: Synthesis, role: str) -> Rights:
    """The permissions of a role in the template."""
    allowed = [one for one in _statements(made, role) if one["Effect"] == "Allow"]
    actions = [(action, one) for one in allowed for action in _listed(one["Action"])]
    return Rights(
        actions=frozenset(action for action, _ in actions),
        managed=frozenset(_names_of_managed(_managed_policy_arns(made, role))),
        on_anything={action: "" for action, one in actions if "*" in _listed(one["Resource"])},
        wildcards={action: "" for action, _ in actions if "*" in action},
    )


def kind_of(role: str) -> str:
    """The key of `ROLES` for a role's logical id.

    Raises:
        AssertionError: there is none.
    """
    found = [kind for kind in ROLES if re.fullmatch(kind + "[0-9A-F]{8}", role)]
    assert len(found) == 1, f"{role} has no entry in ROLES: list its permissions"
    return found[0]


def roles_have_no_further_rights(made: Synthesis) -> None:
    for role in made.of_type("AWS::IAM::Role"):
        has, may = rights_of(made, role), ROLES[kind_of(role)]
        assert has.actions - may.actions == set(), f"{role} has actions beyond its list"
        assert has.managed - may.managed == set(), f"{role} has policies beyond its list"
        assert has.on_anything.keys() - may.on_anything.keys() == set(), f"{role} may do this to anything"
        assert has.wildcards.keys() - may.wildcards.keys() == set(), f"{role} has actions that nobody has listed"


def no_role_has_full_access(made: Synthesis) -> None:
    assert "FullAccess" not in made.text
    for role in made.of_type("AWS::IAM::Role"):
        assert rights_of(made, role).actions & {"*", "*:*"} == set(), f"{role} may do everything"


def agents_reach_their_own_queue_alone(made: Synthesis) -> None:
    accounts = {
        one["metadata"]["name"]: one["spec"]["template"]["spec"]["serviceAccountName"]
        for one in made.objects
        if one["kind"] == "Deployment"
    }
    for runtime in made.config.models_runtime:
        (association,) = [
            one["Properties"]
            for one in made.of_type("AWS::EKS::PodIdentityAssociation").values()
            if (one["Properties"]["Namespace"], one["Properties"]["ServiceAccount"])
            == (runtime.namespace, accounts[runtime.name])
        ]
        role = association["RoleArn"]["Fn::GetAtt"][0]
        assert kind_of(role) == AGENT, f"{runtime.name} runs as {role}"
        queues = [
            resource
            for one in _statements(made, role)
            if any(action.startswith("sqs:") for action in _listed(one["Action"]))
            for resource in _listed(one["Resource"])
        ]
        assert queues == [_queue_of(made, runtime.name)], f"{role} reaches {queues}"


def agents_may_patch_no_pod_unjudged(made: Synthesis) -> None:
    (policy,) = [one for one in made.objects if one["kind"] == "ValidatingAdmissionPolicy"]
    (condition,) = policy["spec"]["matchConditions"]
    pods = [
        (one["metadata"]["namespace"], one["spec"]["template"]["spec"]["serviceAccountName"])
        for one in made.objects
        if one["kind"] == "Deployment"
    ]
    subjects = [
        (subject["namespace"], subject["name"])
        for one in made.objects
        if one["kind"] == "RoleBinding"
        for subject in one["subjects"]
    ]
    assert sorted(subjects) == sorted(pods), "a role of the cluster is bound to something else than agents"
    for namespace, name in subjects:
        user = f"system:serviceaccount:{namespace}:{name}"
        request = {"request": {"userInfo": {"username": user}}}
        assert cel.evaluate(condition["expression"], request) is True, f"{user} may change any pod of {namespace}"


def keda_reads_the_length_of_runtimes_queues_alone(made: Synthesis) -> None:
    (role,) = [name for name in made.of_type("AWS::IAM::Role") if kind_of(name) == KEDA]
    reached = [resource for one in _statements(made, role) for resource in _listed(one["Resource"])]
    expected = [_queue_of(made, runtime.name) for runtime in made.config.models_runtime]
    assert sorted(map(str, reached)) == sorted(map(str, expected)), f"{role} reaches {reached}"


def policies_are_no_longer_than_allowed(made: Synthesis) -> None:
    for name, one in made.of_type("AWS::IAM::ManagedPolicy").items():
        assert (length := _length(one["Properties"]["PolicyDocument"])) <= _MOST_MANAGED_CHARACTERS, (name, length)
    for role in made.of_type("AWS::IAM::Role"):
        length = sum(_length(document) for document in _inline_documents(made, role))
        assert length <= _MOST_INLINE_CHARACTERS, (role, length)


def _queue_of(made: Synthesis, runtime: str) -> object:
    (found,) = [
        one["Properties"]["Endpoint"]
        for one in made.of_type("AWS::SNS::Subscription").values()
        if one["Properties"]["FilterPolicy"] == {"runtime": [runtime]}
    ]
    return found


def _statements(made: Synthesis, role: str) -> Iterator[Statement]:
    managed = (made.resources.get(str(arn.get("Ref"))) for arn in _managed_policy_arns(made, role))
    documents = [one["Properties"]["PolicyDocument"] for one in managed if one is not None]
    for document in (*_inline_documents(made, role), *documents):
        yield from document["Statement"]


def _managed_policy_arns(made: Synthesis, role: str) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = made.resources[role]["Properties"].get("ManagedPolicyArns", [])
    return found


def _inline_documents(made: Synthesis, role: str) -> Iterator[Mapping[str, Any]]:
    for policy in made.resources[role]["Properties"].get("Policies", ()):
        yield policy["PolicyDocument"]
    for one in made.of_type("AWS::IAM::Policy").values():
        if {"Ref": role} in one["Properties"]["Roles"]:
            yield one["Properties"]["PolicyDocument"]


def _names_of_managed(arns: Iterable[object]) -> Iterator[str]:
    for arn in arns:
        yield from re.findall(r":policy/([\w/-]+)", json.dumps(arn))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _length(document: object) -> int:
    """Characters of a policy, with values of the maximum length in place of references."""
    longest = {"AWS::Partition": "aws-us-gov", "AWS::Region": "ap-northeast-1", "AWS::AccountId": "1" * 12}

    def value_of(value: object) -> object:
        match value:
            case {"Ref": str(name)}:
                return longest.get(name, "x" * 80)
            case {"Fn::GetAtt": _}:
                return "x" * 130  # the ARN of a queue with a name of 80
            case {"Fn::Join": [_, [*parts]]}:
                return "".join(str(value_of(part)) for part in parts)
            case dict():
                return {key: value_of(part) for key, part in value.items()}
            case list():
                return [value_of(part) for part in value]
        return value

    return len(json.dumps(value_of(document), separators=(",", ":")))
