"""A Lambda function as all of ours are: its own log group, rights to write there, and nothing else to begin with."""

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
"""Of all handlers' metrics; two stacks of an account do not mix."""

_MEMORY_MIB: Final = 1024
"""Processor time follows memory, and a cold start is processor time."""


class HandlerFunction(Construct):
    """A handler that stands beside the construct which deploys it.

    Args:
        scope: the construct.
        construct_id: PascalCase; becomes the service name in logs and metrics.
        code: what `handler_asset` staged.
        handler: the entry point, such as `publisher.entry_point.relay`.
        environment: its settings.
        timeout: how long one invocation may take.
        description: what it is for.

    Attributes:
        function: the function.
        role: its role; the construct grants what the handler needs to it.
        log_group: where it logs.
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
            # Cheaper, and the assets are pure Python.
            architecture=lambda_.Architecture.ARM_64,
            code=code,
            handler=handler,
            # The library would add rights by itself; what a handler may do is written where it is deployed.
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
        """A metric that the handler counts by itself, summed up.

        Args:
            name: what it is called in the handler.
            period: how long each sum is over.
        """
        return cloudwatch.Metric(
            namespace=METRICS_NAMESPACE,
            metric_name=name,
            # Powertools' one dimension, unless a handler adds others.
            dimensions_map={"service": self.node.id},
            statistic="Sum",
            period=period,
        )

    def acknowledge_wildcards(self, resources: Sequence[str], *, reason: str) -> None:
        """Acknowledge that the role's policy names these resources with wildcards."""
        acknowledge_wildcards(self.role, resources, reason=reason)
