"""Where queue agents write their metrics."""

from typing import Final

from aws_cdk import ArnFormat, RemovalPolicy, Stack
from aws_cdk import aws_logs as logs
from constructs import Construct

from sd_on_eks.lambda_function.function import METRICS_NAMESPACE


class AgentMetrics(Construct):
    """One log group for the agents of all runtimes; CloudWatch makes metrics of what they write there.

    Agents write it themselves: their standard output, where it is collected at all, is wrapped on the way, and what is
    wrapped becomes no metric.

    Args:
        scope: the stack.
        construct_id: `AgentMetrics`.

    Attributes:
        log_group: the log group.
    """

    NAMESPACE: Final = METRICS_NAMESPACE
    """The handlers' as well; their metrics have another dimension."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self.log_group: logs.ILogGroup = logs.LogGroup(
            self, "LogGroup", retention=logs.RetentionDays.ONE_MONTH, removal_policy=RemovalPolicy.DESTROY
        )

    def streams_of(self, runtime_name: str) -> str:
        """ARN of the log streams that the agents of a runtime write, which ends in a wildcard."""
        return Stack.of(self).format_arn(
            service="logs",
            resource="log-group",
            resource_name=f"{self.log_group.log_group_name}:log-stream:{runtime_name}/*",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
