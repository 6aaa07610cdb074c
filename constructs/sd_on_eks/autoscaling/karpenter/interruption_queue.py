"""The queue through which AWS notifies Karpenter of node interruptions."""

from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from sd_on_eks.nag import acknowledge

# https://karpenter.sh/docs/concepts/disruption/#interruption
_EVENTS: Final = {
    "HealthEvent": ("aws.health", "AWS Health Event"),
    "SpotInterruption": ("aws.ec2", "EC2 Spot Instance Interruption Warning"),
    "Rebalance": ("aws.ec2", "EC2 Instance Rebalance Recommendation"),
    "InstanceStateChange": ("aws.ec2", "EC2 Instance State-change Notification"),
    "CapacityReservationInterruption": ("aws.ec2", "EC2 Capacity Reservation Instance Interruption Warning"),
}


class InterruptionQueue(Construct):
    """The interruption queue and the five EventBridge rules that send events to it.

    Attributes:
        queue: the queue.
        rules: the rules, on which other constructs can depend.
    """

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        queue = sqs.Queue(
            self,
            "Queue",
            # An older warning is about a node that has already been terminated.
            retention_period=Duration.seconds(300),
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
        )
        acknowledge(
            queue,
            ["AwsSolutions-SQS3"],
            reason="A warning that was not processed within minutes is obsolete; a dead-letter queue has no use.",
        )
        self.queue: sqs.IQueue = queue
        self.rules: list[events.IRule] = [
            events.Rule(
                self,
                construct_id,
                event_pattern=events.EventPattern(source=[source], detail_type=[detail_type]),
                targets=[targets.SqsQueue(queue)],
            )
            for construct_id, (source, detail_type) in _EVENTS.items()
        ]
