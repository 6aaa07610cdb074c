"""A Lambda function as all of ours are: its own log group, rights to write there, and nothing else to begin with."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from aws_cdk import AssetHashType, Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

import task_record
from sd_on_eks.acknowledgment import acknowledge_wildcards
from sd_on_eks.staging import content_hash, staged

METRICS_NAMESPACE: Final = "SdOnEks"
_MEMORY_MIB: Final = 1024
"""Processor time follows memory, and a cold start is processor time."""


@contextmanager
def handler_code(folder: Path, *, distributions: Sequence[str] = ("aws-lambda-powertools",)) -> Iterator[lambda_.Code]:
    """Stage the code of handlers, for all functions that are made meanwhile.

    Args:
        folder: the handlers' folder, a package; its modules import each other relatively.
        distributions: installed distributions that they need beyond boto3, which the Lambda runtime has.

    Raises:
        StagingError: a folder or a distribution is missing or does not fit.
    """
    folders = {folder.name: folder, "task_record": Path(task_record.__file__).parent}
    with staged(folders=folders, distributions=distributions) as asset:
        yield lambda_.Code.from_asset(str(asset), asset_hash=content_hash(asset), asset_hash_type=AssetHashType.CUSTOM)


class HandlerFunction(Construct):
    """A handler that stands beside the construct which deploys it.

    Args:
        scope: the construct.
        construct_id: PascalCase; becomes the service name in logs and metrics.
        code: what `handler_code` staged.
        handler: the entry point, such as `publisher.relay.lambda_handler`.
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

    def acknowledge_wildcards(self, resources: Sequence[str], *, reason: str) -> None:
        """Acknowledge that the role's policy names these resources with wildcards."""
        acknowledge_wildcards(self.role, resources, reason=reason)
