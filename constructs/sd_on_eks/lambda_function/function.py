"""The construct for all Lambda functions: with a log group, and a role that initially can only write to it."""

from collections.abc import Mapping, Sequence
from typing import Final

from aws_cdk import Aws, Duration, RemovalPolicy
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from sd_on_eks.nag import acknowledge_wildcards

METRICS_NAMESPACE: Final = f"SdOnEks/{Aws.STACK_NAME}"
"""Namespace of all handlers' metrics; it separates the stacks of an account."""

_MEMORY_MIB: Final = 1024
"""CPU is proportional to memory, and a cold start is CPU-bound."""


class HandlerFunction(Construct):
    """A Lambda function whose handler is in the folder of the construct that deploys it.

    Args:
        scope: the construct.
        construct_id: PascalCase; also the service name in logs and metrics.
        code: the code that `handler_asset` staged.
        handler: the entry point, such as `publisher.entry_point.relay`.
        environment: additional environment variables.
        timeout: the timeout of one invocation.
        description: the description of the function.

    Attributes:
        function: the function.
        role: its role, to which the construct grants the handler's permissions.
        log_group: its log group.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        code: lambda_.Code,
        handler: str,
        environment: Mapping[str, str],
        timeout: Duration,
        description: str,
    ) -> None:
        super().__init__(scope, construct_id)
        self.log_group: logs.LogGroup = logs.LogGroup(
            self, "LogGroup", retention=logs.RetentionDays.ONE_MONTH, removal_policy=RemovalPolicy.DESTROY
        )
        self.role: iam.Role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        self.log_group.grant_write(self.role)
        self.function: lambda_.Function = lambda_.Function(
            self,
            "Function",
            description=description,
            runtime=lambda_.Runtime.PYTHON_3_14,
            # Lower cost, and the assets are pure Python.
            architecture=lambda_.Architecture.ARM_64,
            code=code,
            handler=handler,
            # Prevents the CDK from adding permissions: the construct that deploys the handler grants them all.
            role=self.role.without_policy_updates(),
            log_group=self.log_group,
            memory_size=_MEMORY_MIB,
            timeout=timeout,
            environment={
                "POWERTOOLS_SERVICE_NAME": construct_id,
                "POWERTOOLS_METRICS_NAMESPACE": METRICS_NAMESPACE,
                "POWERTOOLS_LOG_LEVEL": "INFO",
                **environment,
            },
        )

    def metric(self, name: str, *, period: Duration) -> cloudwatch.Metric:
        """The sum of a custom metric of the handler.

        Args:
            name: its name in the handler.
            period: the period of each sum.
        """
        return cloudwatch.Metric(
            namespace=METRICS_NAMESPACE,
            metric_name=name,
            # The only dimension of Powertools, unless a handler adds others.
            dimensions_map={"service": self.node.id},
            statistic="Sum",
            period=period,
        )

    def acknowledge_wildcards(self, resources: Sequence[str], *, reason: str) -> None:
        """Acknowledge that the role's policy has these resources with wildcards."""
        acknowledge_wildcards(self.role, resources, reason=reason)
