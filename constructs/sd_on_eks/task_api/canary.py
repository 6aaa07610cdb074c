"""Canary deployment: a new version of the function gets 10% of the requests first, and 5xx responses roll it back."""

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
_MAX_ERROR_RATE: Final = 0.02
"""Share of 5xx responses. If a new version always fails, the share is 0.1."""

_POLICY: Final = "AWSCodeDeployRoleForLambdaLimited"


def build_alias(scope: Construct, function: lambda_.Function) -> lambda_.Alias:
    """Create the alias that the API invokes instead of the function.

    Args:
        scope: the construct of the canary.
        function: the function.
    """
    return lambda_.Alias(scope, "Alias", alias_name=ALIAS, version=function.current_version)


def shift_gradually(scope: Construct, alias: lambda_.Alias, api: apigateway.RestApi, config: Canary) -> None:
    """Let CodeDeploy shift the alias to a new version.

    Args:
        scope: the construct of the canary.
        alias: the alias that is shifted.
        api: the API, whose error rate is monitored.
        config: the section `canary` of the configuration.
    """
    failing = cloudwatch.Alarm(
        scope,
        "Failing",
        alarm_description="The API returns 5xx: CodeDeploy rolls back a version that is being deployed",
        metric=api.metric_server_error(statistic="Average", period=Duration.minutes(1)),
        comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
        threshold=_MAX_ERROR_RATE,
        evaluation_periods=1,
        # Without requests there are no errors.
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
