"""The log group for the metrics of queue agents."""

from typing import Final

from aws_cdk import ArnFormat, RemovalPolicy, Stack
from aws_cdk import aws_logs as logs
from constructs import Construct

from sd_on_eks.lambda_function.function import METRICS_NAMESPACE


class AgentMetrics(Construct):
    """One log group for the agents of all runtimes, to which they write metrics in CloudWatch embedded metric format.

    Agents write to it directly: log collectors wrap the lines of standard output, and CloudWatch extracts no metrics
    from wrapped lines.

    Args:
        scope: the stack.
        construct_id: `AgentMetrics`.

    Attributes:
        log_group: the log group.
    """

    NAMESPACE: Final = METRICS_NAMESPACE
    """Also the namespace of the handlers, whose metrics have another dimension."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self.log_group: logs.ILogGroup = logs.LogGroup(
            self, "LogGroup", retention=logs.RetentionDays.ONE_MONTH, removal_policy=RemovalPolicy.DESTROY
        )

    def streams_of(self, runtime_name: str) -> str:
        """ARN of the log streams of a runtime's agents, with a wildcard at the end."""
        return Stack.of(self).format_arn(
            service="logs",
            resource="log-group",
            resource_name=f"{self.log_group.log_group_name}:log-stream:{runtime_name}/*",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
