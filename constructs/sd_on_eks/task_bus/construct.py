"""The topics, and the two functions that publish changes of the task table to them."""

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
"""Half of the retention of a stream. A record that cannot be published for so long is written to the failure bucket."""


class TaskBus(Construct):
    """Input topic, output topic, relay and notifier.

    Args:
        scope: the stack.
        construct_id: `TaskBus`.
        table: the task table, with a stream of old and new images.
        failure_bucket: receives the records that cannot be published.
        output_bucket: the output bucket, whose name is part of callbacks.
        notify_running: whether to publish a callback when a task starts, too.

    Attributes:
        input_topic: receives tasks, with the message attribute `runtime`.
        output_topic: receives callbacks, with the message attributes `runtime` and `status`.
        relay: publishes new tasks to the input topic.
        notifier: publishes callbacks to the output topic.
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
        published = [Status.RUNNING, *sorted(TERMINAL)] if notify_running else sorted(TERMINAL)
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
                        "NewImage": {"status": {"S": [status.value for status in published]}},
                    },
                },
            )

    def _build_topic(self, construct_id: str) -> sns.Topic:
        # No customer managed key: messages are encrypted in transit, and at rest in the queues.
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
            raise ValueError(f"{self._table.node.path}: must have a stream, which the {entry_point} reads; got none")
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
            # Lambda checks that the bucket exists before it writes a failed batch to it.
            iam.PolicyStatement(
                sid="FindFailureBucket", actions=["s3:ListBucket"], resources=[self._failure_bucket.bucket_arn]
            ),
        ):
            handler.role.add_to_policy(statement)
        handler.acknowledge_wildcards(
            [self._failure_bucket.arn_for_objects("*")],
            reason="Objects of the failure bucket are named after stream records, whose ids are not known in advance.",
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
            # No limit of attempts: during an outage any number of them would be used up. The record's age is the limit.
            max_record_age=_MAX_RECORD_AGE,
            # An SQS destination would store positions in the stream only, which are invalid after 24 hours.
            on_failure=event_sources.S3OnFailureDestination(self._failure_bucket),
            filters=[lambda_.FilterCriteria.filter(dict(changes))],
        )
        # Lambda checks the permissions of the role when the mapping is created.
        mapping.node.add_dependency(handler.role)
