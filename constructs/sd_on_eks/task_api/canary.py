"""A new version of the function gets a tenth of the requests first, and is taken back when the API answers 5xx."""

from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from sd_on_eks.config.gateway import Canary
from sd_on_eks.nag import acknowledge

ALIAS: Final = "live"

_SHIFTS: Final = {
    5: codedeploy.LambdaDeploymentConfig.CANARY_10_PERCENT_5_MINUTES,
    10: codedeploy.LambdaDeploymentConfig.CANARY_10_PERCENT_10_MINUTES,
    15: codedeploy.LambdaDeploymentConfig.CANARY_10_PERCENT_15_MINUTES,
    30: codedeploy.LambdaDeploymentConfig.CANARY_10_PERCENT_30_MINUTES,
}
_TOO_MANY: Final = 0.02
"""Share of 5xx: of a version that fails always, a tenth of the requests sees it."""

_POLICY: Final = "AWSCodeDeployRoleForLambdaLimited"


def build_alias(scope: Construct, function: lambda_.Function) -> lambda_.Alias:
    """Make the alias that the API calls instead of the function.

    Args:
        scope: a construct for the canary alone.
        function: the function.
    """
    return lambda_.Alias(scope, "Alias", alias_name=ALIAS, version=function.current_version)


def shift_gradually(scope: Construct, alias: lambda_.Alias, api: apigateway.RestApi, config: Canary) -> None:
    """Let CodeDeploy move the alias to a new version.

    Args:
        scope: the construct of the alias.
        alias: what is moved.
        api: whose answers tell whether the version works.
        config: the canary's section of the configuration.
    """
    failing = cloudwatch.Alarm(
        scope,
        "Failing",
        alarm_description="The API answers 5xx: CodeDeploy takes a version back that is being deployed",
        metric=api.metric_server_error(statistic="Average", period=Duration.minutes(1)),
        comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
        threshold=_TOO_MANY,
        evaluation_periods=1,
        # Nobody calls: nothing fails.
        treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
    )
    group = codedeploy.LambdaDeploymentGroup(
        scope,
        "DeploymentGroup",
        application=codedeploy.LambdaApplication(scope, "Application"),
        alias=alias,
        deployment_config=_SHIFTS[config.minutes],
        alarms=[failing],
    )
    acknowledge(
        group,
        [f"AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/{_POLICY}]"],
        reason="CodeDeploy documents this policy for shifting an alias; the function has no deployment hooks.",
    )
