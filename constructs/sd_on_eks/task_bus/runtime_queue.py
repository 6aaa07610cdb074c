"""The SQS queue of one runtime."""

from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from task_record.message import RUNTIME_ATTRIBUTE
from task_record.protocol_times import ProtocolTimes

DEAD_LETTER_HANDLER_TIMEOUT: Final = Duration.seconds(60)
"""Timeout of the dead-letter handler's function."""

_DEAD_LETTER_VISIBILITY: Final = Duration.seconds(6 * 60)
"""Six times the function's timeout, as Lambda recommends: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html"""


class RuntimeQueue(Construct):
    """A queue that receives the tasks of one runtime, and its dead-letter queue.

    Args:
        scope: the runtime's own scope.
        construct_id: `RuntimeQueue`.
        runtime_name: the queue receives the messages with this value in their attribute `runtime`.
        input_topic: the topic that tasks are published to.
        times: visibility timeout, maximum receive count and retention periods.

    Attributes:
        queue: the queue.
        dead_letter_queue: the dead-letter queue of the queue and of its subscription.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        runtime_name: str,
        input_topic: sns.ITopic,
        times: ProtocolTimes,
    ) -> None:
        super().__init__(scope, construct_id)
        self.dead_letter_queue: sqs.IQueue = sqs.Queue(
            self,
            "DeadLetterQueue",
            # Retention counts from the first send, so this period must be longer than that of the queue:
            # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
            retention_period=Duration.seconds(times.dead_letter_retention_s),
            visibility_timeout=_DEAD_LETTER_VISIBILITY,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
        )
        self.queue: sqs.IQueue = sqs.Queue(
            self,
            "Queue",
            retention_period=Duration.seconds(times.queue_retention_s),
            visibility_timeout=Duration.seconds(times.visibility_s),
            # SSE-SQS: SNS cannot send to a queue that is encrypted with the AWS managed key.
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            dead_letter_queue=sqs.DeadLetterQueue(
                queue=self.dead_letter_queue, max_receive_count=times.max_receive_count
            ),
        )
        input_topic.add_subscription(
            subscriptions.SqsSubscription(
                self.queue,
                # The envelope has the MessageId and the Timestamp that name a message without a submission.
                raw_message_delivery=False,
                filter_policy={RUNTIME_ATTRIBUTE: sns.SubscriptionFilter.string_filter(allowlist=[runtime_name])},
                # SNS drops a message that it cannot deliver, unless the subscription has a dead-letter queue.
                dead_letter_queue=self.dead_letter_queue,
            )
        )
