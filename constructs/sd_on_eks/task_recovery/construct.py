"""The dead-letter handler and the reconciler."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from aws_cdk import Duration, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from constructs import Construct

from sd_on_eks.lambda_function.function import HandlerFunction
from sd_on_eks.lambda_function.handler_asset import handler_asset
from sd_on_eks.task_bus.runtime_queue import DEAD_LETTER_HANDLER_TIMEOUT, RuntimeQueue
from task_record.object_keys import QUARANTINE
from task_record.protocol_times import ProtocolTimes
from task_record.table import INDEX_BY_STATUS, INDEX_OPEN

_RECOVERY: Final = Path(__file__).parent / "recovery"
_PERIOD: Final = Duration.minutes(5)
_RECONCILER_TIMEOUT: Final = Duration.minutes(4)
"""Less than the period, so that a run has ended before the next one starts."""


class TaskRecovery(Construct):
    """Ends or publishes again the tasks that queues and agents lost.

    Args:
        scope: the stack.
        construct_id: `TaskRecovery`.
        table: the task table.
        output_bucket: receives quarantined messages.
        input_topic: receives the messages that are published again.
        queues: queues by the name of their runtime, for all runtimes.
        times: times of the task protocol.

    Attributes:
        dead_letter: ends the tasks of dead-lettered messages. Watch its metric `DeadLettered`, not the length of the
            dead-letter queues, which it empties.
        reconciler: runs every five minutes, ends overdue tasks and publishes lost messages again.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        table: dynamodb.ITable,
        output_bucket: s3.IBucket,
        input_topic: sns.ITopic,
        queues: Mapping[str, RuntimeQueue],
        times: ProtocolTimes,
    ) -> None:
        super().__init__(scope, construct_id)
        self._table = table
        self._queues = queues
        self._environment = {"TASK_TABLE_NAME": table.table_name, **times.environment()}
        with handler_asset(_RECOVERY) as code:
            self.dead_letter: HandlerFunction = self._build_dead_letter(code, output_bucket)
            self.reconciler: HandlerFunction = self._build_reconciler(code, input_topic)
        self._map_dead_letter_queues()
        self._schedule()

    def _build_dead_letter(self, code: lambda_.Code, output_bucket: s3.IBucket) -> HandlerFunction:
        handler = HandlerFunction(
            self,
            "DeadLetter",
            code=code,
            handler=f"{_RECOVERY.name}.dead_letter.lambda_handler",
            environment={
                **self._environment,
                "OUTPUT_BUCKET_NAME": output_bucket.bucket_name,
                "RUNTIME_QUEUES": self._json(
                    {name: queue.dead_letter_queue.queue_name for name, queue in self._queues.items()}
                ),
            },
            timeout=DEAD_LETTER_HANDLER_TIMEOUT,
            description="Ends the tasks whose messages no agent could handle",
        )
        quarantined = output_bucket.arn_for_objects(f"{QUARANTINE}/*")
        self._grant(handler, "Tasks", ["dynamodb:GetItem", "dynamodb:UpdateItem"], [self._table.table_arn])
        self._grant(handler, "Park", ["s3:PutObject"], [quarantined])
        self._grant(
            handler,
            "TakeDeadLetters",
            ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
            [queue.dead_letter_queue.queue_arn for queue in self._queues.values()],
        )
        handler.acknowledge_wildcards(
            [quarantined], reason="Quarantined messages are named after their MessageId, which SQS assigns."
        )
        return handler

    def _build_reconciler(self, code: lambda_.Code, input_topic: sns.ITopic) -> HandlerFunction:
        handler = HandlerFunction(
            self,
            "Reconciler",
            code=code,
            handler=f"{_RECOVERY.name}.reconciler.lambda_handler",
            environment={
                **self._environment,
                "TOPIC_ARN": input_topic.topic_arn,
                "RUNTIME_QUEUES": self._json({name: queue.queue.queue_name for name, queue in self._queues.items()}),
            },
            timeout=_RECONCILER_TIMEOUT,
            description="Ends overdue tasks, and publishes lost messages again",
        )
        self._grant(handler, "Tasks", ["dynamodb:GetItem", "dynamodb:UpdateItem"], [self._table.table_arn])
        self._grant(
            handler,
            "FindTasks",
            ["dynamodb:Query"],
            [f"{self._table.table_arn}/index/{index}" for index in (INDEX_OPEN, INDEX_BY_STATUS)],
        )
        self._grant(handler, "PublishAgain", ["sns:Publish"], [input_topic.topic_arn])
        self._grant(
            handler,
            "QueueLengths",
            ["sqs:GetQueueAttributes", "sqs:GetQueueUrl"],
            [queue.queue.queue_arn for queue in self._queues.values()],
        )
        return handler

    def _map_dead_letter_queues(self) -> None:
        for name, queue in self._queues.items():
            mapping = lambda_.EventSourceMapping(
                Construct(self, name),
                "DeadLetters",
                target=self.dead_letter.function,
                event_source_arn=queue.dead_letter_queue.queue_arn,
                batch_size=10,
                report_batch_item_failures=True,
            )
            # Lambda checks the permissions of the role when the mapping is created.
            mapping.node.add_dependency(self.dead_letter.role)

    def _schedule(self) -> None:
        # A failed run is not retried: the next one starts within the period.
        target = targets.LambdaFunction(self.reconciler.function, retry_attempts=0, max_event_age=_PERIOD)
        events.Rule(
            self,
            "Schedule",
            description="Runs the reconciler",
            schedule=events.Schedule.rate(_PERIOD),
            targets=[target],
        )

    def _json(self, value: Mapping[str, str]) -> str:
        # Names of queues are CDK tokens, which json.dumps would write as they are.
        return Stack.of(self).to_json_string(dict(value))

    @staticmethod
    def _grant(handler: HandlerFunction, sid: str, actions: list[str], resources: list[str]) -> None:
        # A deployment without runtimes has no queues, and IAM requires a resource in every statement.
        if resources:
            handler.role.add_to_policy(iam.PolicyStatement(sid=sid, actions=actions, resources=resources))
