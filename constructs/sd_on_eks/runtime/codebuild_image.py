"""Images that CodeBuild builds in the account during a deployment, without local Docker or large uploads."""

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

    All builds share one CodeBuild project, and one function of the library that starts it.

    Args:
        scope: the construct.
        construct_id: its id.
        context: the build context; uploaded as an asset.
        platform: the platform of the image.
        build_args: build arguments of the Dockerfile.

    Returns:
        The image with its repository and tag.
    """
    build = deploy_time_build.ContainerImageBuild(
        scope, construct_id, directory=str(context), platform=platform, build_args=build_args
    )
    for construct in Stack.of(scope).node.children:
        if construct.node.id.startswith("DeployTimeBuildCustomResourceHandler"):
            _configure_starter(construct)
        elif construct.node.id.startswith("ContainerImageBuild"):
            _configure_project(construct)
    return build.image_uri


def _configure_starter(starter: IConstruct) -> None:
    for child in starter.node.find_all():
        if isinstance(child, logs.CfnLogGroup):
            child.retention_in_days = 30
    acknowledge(
        starter.node.find_child("ServiceRole"),
        [
            "AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole]",
        ],
        reason="The library defines the function that starts the build, and its role.",
    )
    acknowledge(
        starter, ["AwsSolutions-L1"], reason="The library selects the runtime that its function is tested with."
    )


def _configure_project(project: IConstruct) -> None:
    if not isinstance(project, codebuild.Project):
        return
    account = f"{Aws.REGION}:{Aws.ACCOUNT_ID}"
    reason = "The library defines the build project and its role."
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
    acknowledge(project, ["AwsSolutions-CB4"], reason="The project has no artifacts: images are pushed to a registry.")
