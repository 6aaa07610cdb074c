"""The topics, and the two functions that carry from the table to them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from aws_cdk import Duration
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from constructs import Construct

from sd_on_eks.lambda_function.function import HandlerFunction
from sd_on_eks.lambda_function.handler_asset import handler_asset
from task_record.status import TERMINAL, Status
from task_record.table import BODY_SK_PREFIX, META_SK_PREFIX

_PUBLISHER: Final = Path(__file__).parent / "publisher"
_MAX_RECORD_AGE: Final = Duration.hours(12)
"""Half of what the stream keeps: as long as an outage of SNS may last before the failure bucket gets the record."""


class TaskBus(Construct):
    """Input topic, output topic, relay and notifier.

    Args:
        scope: the stack.
        construct_id: `TaskBus`.
        table: the task table, with a stream of old and new images.
        failure_bucket: where records go that can never be sent.
        output_bucket: where results are; callbacks mention it.
        notify_running: whether a claim is told as well as an end.

    Attributes:
        input_topic: tasks, with the message attribute `runtime`.
        output_topic: callbacks, with the message attributes `runtime` and `status`.
        relay: table -> input topic.
        notifier: table -> output topic.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        table: dynamodb.ITable,
        failure_bucket: s3.IBucket,
        output_bucket: s3.IBucket,
        notify_running: bool = False,
    ) -> None:
        super().__init__(scope, construct_id)
        self._table = table
        self._failure_bucket = failure_bucket
        self._environment = {
            "FAILURE_BUCKET_NAME": failure_bucket.bucket_name,
            "OUTPUT_BUCKET_NAME": output_bucket.bucket_name,
            "NOTIFY_RUNNING": "true" if notify_running else "false",
        }
        told = [Status.RUNNING, *sorted(TERMINAL)] if notify_running else sorted(TERMINAL)
        self.input_topic: sns.ITopic = self._build_topic("InputTopic")
        self.output_topic: sns.ITopic = self._build_topic("OutputTopic")
        with handler_asset(_PUBLISHER) as code:
            self.relay: HandlerFunction = self._build_function(
                "Relay",
                code=code,
                entry_point="relay",
                topic=self.input_topic,
                description="Publishes the message of every new task to the input topic",
                changes={
                    "eventName": ["INSERT"],
                    "dynamodb": {"Keys": {"sk": {"S": [{"prefix": BODY_SK_PREFIX}]}}},
                },
            )
            self.notifier: HandlerFunction = self._build_function(
                "Notifier",
                code=code,
                entry_point="notifier",
                topic=self.output_topic,
                description="Publishes the callback of every task that ended",
                changes={
                    "eventName": ["INSERT", "MODIFY"],
                    "dynamodb": {
                        "Keys": {"sk": {"S": [{"prefix": META_SK_PREFIX}]}},
                        "NewImage": {"status": {"S": [status.value for status in told]}},
                    },
                },
            )

    def _build_topic(self, construct_id: str) -> sns.Topic:
        # No customer key: the payload is encrypted in transit, and queues hold it encrypted.
        return sns.Topic(self, construct_id, enforce_ssl=True)

    def _build_function(
        self,
        construct_id: str,
        *,
        code: lambda_.Code,
        entry_point: str,
        topic: sns.ITopic,
        description: str,
        changes: Mapping[str, Any],
    ) -> HandlerFunction:
        handler = HandlerFunction(
            self,
            construct_id,
            code=code,
            handler=f"{_PUBLISHER.name}.entry_point.{entry_point}",
            environment={"TOPIC_ARN": topic.topic_arn, **self._environment},
            timeout=Duration.seconds(60),
            description=description,
        )
        topic.grant_publish(handler.role)
        stream_arn = self._table.table_stream_arn
        if stream_arn is None:
            raise ValueError(f"{self._table.node.path} has no stream: the {entry_point} has nothing to read")
        for statement in (
            iam.PolicyStatement(
                sid="ReadStream",
                actions=[
                    "dynamodb:DescribeStream",
                    "dynamodb:GetRecords",
                    "dynamodb:GetShardIterator",
                    "dynamodb:ListStreams",
                ],
                resources=[stream_arn],
            ),
            iam.PolicyStatement(
                sid="KeepFailures",
                actions=["s3:PutObject"],
                resources=[self._failure_bucket.arn_for_objects("*")],
            ),
            # Lambda checks the bucket before it writes a failed batch there.
            iam.PolicyStatement(
                sid="FindFailureBucket", actions=["s3:ListBucket"], resources=[self._failure_bucket.bucket_arn]
            ),
        ):
            handler.role.add_to_policy(statement)
        handler.acknowledge_wildcards(
            [self._failure_bucket.arn_for_objects("*")],
            reason="Objects of the failure bucket are named by stream records, which nobody knows beforehand.",
        )
        self._map_stream(handler, stream_arn, changes)
        return handler

    def _map_stream(self, handler: HandlerFunction, stream_arn: str, changes: Mapping[str, Any]) -> None:
        mapping = lambda_.EventSourceMapping(
            self,
            f"{handler.node.id}Stream",
            target=handler.function,
            event_source_arn=stream_arn,
            starting_position=lambda_.StartingPosition.TRIM_HORIZON,
            batch_size=25,
            bisect_batch_on_error=True,
            # No limit on attempts: an outage is longer than any number of them. Age is the limit.
            max_record_age=_MAX_RECORD_AGE,
            # An SQS destination would keep positions in the stream only, worthless after a day.
            on_failure=event_sources.S3OnFailureDestination(self._failure_bucket),
            filters=[lambda_.FilterCriteria.filter(dict(changes))],
        )
        # Lambda checks the role's rights when the mapping is made.
        mapping.node.add_dependency(handler.role)
