"""The queue on which Karpenter hears that AWS is about to take a node away."""

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
    """A queue and the five rules that fill it.

    Attributes:
        queue: the queue.
        rules: the rules, for what must not start before them.
    """

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        queue = sqs.Queue(
            self,
            "Queue",
            # An older warning is about a node that is gone.
            retention_period=Duration.seconds(300),
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
        )
        acknowledge(
            queue,
            ["AwsSolutions-SQS3"],
            reason="A warning that was not handled within minutes is void; there is nothing to keep for later.",
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
