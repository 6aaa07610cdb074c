"""Images that CodeBuild builds in the account while the stack is deployed: no Docker, no upload of gigabytes."""

from pathlib import Path

from aws_cdk import Aws, Stack
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_ecr_assets as ecr_assets
from aws_cdk import aws_logs as logs
from cdklabs import deploy_time_build
from constructs import Construct, IConstruct

from sd_on_eks.nag import acknowledge, acknowledge_wildcards


def cloud_image_uri(
    scope: Construct,
    construct_id: str,
    *,
    context: Path,
    platform: ecr_assets.Platform,
    build_args: dict[str, str] | None,
) -> str:
    """Build an image in the account.

    All builds share the library's one project and the one function that starts it.

    Args:
        scope: the construct.
        construct_id: its id.
        context: the build context; uploaded as an asset.
        platform: what the image is for.
        build_args: arguments of the Dockerfile.

    Returns:
        The image, by repository and tag.
    """
    build = deploy_time_build.ContainerImageBuild(
        scope, construct_id, directory=str(context), platform=platform, build_args=build_args
    )
    for construct in Stack.of(scope).node.children:
        if construct.node.id.startswith("DeployTimeBuildCustomResourceHandler"):
            _settle_starter(construct)
        elif construct.node.id.startswith("ContainerImageBuild"):
            _settle_project(construct)
    return build.image_uri


def _settle_starter(starter: IConstruct) -> None:
    for child in starter.node.find_all():
        if isinstance(child, logs.CfnLogGroup):
            child.retention_in_days = 30
    acknowledge(
        starter.node.find_child("ServiceRole"),
        [
            "AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole]",
        ],
        reason="The library's own function that starts the build; not ours to shape.",
    )
    acknowledge(
        starter, ["AwsSolutions-L1"], reason="The library chooses the runtime that its function is tested with."
    )


def _settle_project(project: IConstruct) -> None:
    if not isinstance(project, codebuild.Project):
        return
    account = f"{Aws.REGION}:{Aws.ACCOUNT_ID}"
    reason = "The library's own build project; the role is not ours to shape."
    role = project.node.find_child("Role")
    acknowledge(
        role,
        [
            "AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/AmazonElasticContainerRegistryPublicReadOnly]",
            *(f"AwsSolutions-IAM5[Action::s3:{action}*]" for action in ("GetBucket", "GetObject", "List")),
        ],
        reason=reason,
    )
    acknowledge_wildcards(
        role,
        [
            f"arn:{Aws.PARTITION}:logs:{account}:log-group:/aws/codebuild/{project.project_name}:*",
            f"arn:{Aws.PARTITION}:codebuild:{account}:report-group/{project.project_name}-*",
            "*",
            f"arn:{Aws.PARTITION}:s3:::cdk-hnb659fds-assets-{Aws.ACCOUNT_ID}-{Aws.REGION}/*",
        ],
        reason=reason,
    )
    acknowledge(project, ["AwsSolutions-CB4"], reason="The project keeps no artifacts: images go to a registry.")
