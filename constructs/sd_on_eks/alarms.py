"""Alarms: the few states in which tasks are lost, delayed or rejected, and from which the system does not recover.

Each alarm notifies one topic when it starts and when it ends. docs/adr/0012-alarms.md has the reason for each.
"""

from collections.abc import Mapping
from typing import Final

from aws_cdk import Aws, CfnOutput, Duration
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from sd_on_eks.config.rules.size import RUNTIMES_PER_ALARM
from sd_on_eks.lambda_function.function import HandlerFunction

_PERIOD: Final = Duration.minutes(5)
_LATE_MS: Final = Duration.minutes(5).to_milliseconds()
_OLD_S: Final = Duration.hours(1).to_seconds()
_FAILING_SHARE: Final = 0.05
_PERSISTENT: Final = 3
"""Consecutive periods (15 minutes) after which automatic retries have not helped."""

# A metric that counts events has no data if there are none, which is the normal state.
_NO_DATA_IS_OK: Final = cloudwatch.TreatMissingData.NOT_BREACHING


class Alarms(Construct):
    """The alarms, and the topic that they notify.

    Args:
        scope: the stack.
        construct_id: `Alarms`.
        rest_api: the HTTP API.
        task_api: the function of the API, which counts `Unhandled`.
        relay: reads the stream and counts `Poison`.
        notifier: like the relay.
        dead_letter_handler: counts `DeadLettered`.
        reconciler: runs every five minutes.

    Attributes:
        topic: the topic to subscribe to; the stack output AlarmTopicArn contains its ARN.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        rest_api: apigateway.RestApi,
        task_api: HandlerFunction,
        relay: HandlerFunction,
        notifier: HandlerFunction,
        dead_letter_handler: HandlerFunction,
        reconciler: HandlerFunction,
    ) -> None:
        super().__init__(scope, construct_id)
        self.topic: sns.ITopic = self._build_topic()
        self._add(
            "ApiFails",
            "More than 5% of API responses are 5xx errors: callers retry, but their requests keep failing",
            # Each request counts 0 or 1, so that the average is the error rate.
            rest_api.metric_server_error(statistic="Average", period=_PERIOD),
            threshold=_FAILING_SHARE,
            periods=2,
        )
        self._add(
            "TaskApiUnhandled",
            "The task API raised an unexpected exception, which is a software defect: see the traceback in its log",
            task_api.metric("Unhandled", period=_PERIOD),
        )
        for name, reader, what in (("Relay", relay, "Tasks"), ("Notifier", notifier, "Callbacks")):
            self._watch_stream_reader(name, reader, what)
        self._add(
            "DeadLettered",
            "A message exceeded its maximum receive count: its task has failed, or the message is in quarantine",
            dead_letter_handler.metric("DeadLettered", period=_PERIOD),
        )
        self._add(
            "DeadLetterHandlerFails",
            "The dead-letter handler fails: messages stay in the dead-letter queues until their retention period ends",
            dead_letter_handler.function.metric_errors(period=_PERIOD),
            periods=_PERSISTENT,
        )
        self._add(
            "ReconcilerFails",
            "The reconciler fails or does not run: tasks do not expire, and lost messages are not sent again",
            reconciler.function.metric_errors(period=_PERIOD),
            periods=_PERSISTENT,
            # Each run reports its errors, including zero: no data means that it does not run.
            missing=cloudwatch.TreatMissingData.BREACHING,
        )

    def watch_queues(self, queues: Mapping[str, sqs.IQueue]) -> None:
        """Add the alarm on queues that are not processed; one alarm for each ten queues.

        Not part of the serverless subset: the emulator does not support alarms on metric math expressions.

        Args:
            queues: runtime name -> its queue.
        """
        names = list(queues)
        for number, first in enumerate(range(0, len(names), RUNTIMES_PER_ALARM)):
            ages = {
                f"q{index}": queues[name].metric_approximate_age_of_oldest_message(
                    statistic="Maximum", period=_PERIOD, label=name
                )
                for index, name in enumerate(names[first : first + RUNTIMES_PER_ALARM])
            }
            self._add(
                f"TasksWait{number or ''}",
                "A task has waited for more than an hour: no replica starts, or there are too few replicas",
                cloudwatch.MathExpression(
                    # A queue that is inactive for six hours has no data; the other queues still count.
                    expression=f"MAX([{', '.join(f'FILL({age}, 0)' for age in ages)}])",
                    using_metrics=ages,
                    label="Age of the oldest message in seconds",
                    period=_PERIOD,
                ),
                threshold=_OLD_S,
                periods=3,
                # The latest period may have no data yet, and is filled with 0.
                of_them=2,
            )

    def _build_topic(self) -> sns.Topic:
        topic = sns.Topic(self, "Topic", enforce_ssl=True)
        # A custom policy replaces the default one, which allows the account's alarms to publish.
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="Alarms",
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            )
        )
        CfnOutput(
            self, "TopicArn", value=topic.topic_arn, description="SNS topic for alarms: subscribe to it"
        ).override_logical_id("AlarmTopicArn")
        return topic

    def _watch_stream_reader(self, name: str, reader: HandlerFunction, what: str) -> None:
        self._add(
            f"{name}Late",
            f"{what} have waited in the stream for five minutes; after 12 hours they go to the failure bucket",
            reader.function.metric("IteratorAge", statistic="Maximum", period=_PERIOD),
            threshold=_LATE_MS,
        )
        self._add(
            f"{name}Fails",
            f"{what} cannot be published; they are retried",
            reader.function.metric_errors(period=_PERIOD),
            periods=_PERSISTENT,
        )
        self._add(
            f"{name}Poison",
            f"{what} cannot be published because they are invalid: fix and resend them from the failure bucket",
            reader.metric("Poison", period=_PERIOD),
        )

    def _add(
        self,
        construct_id: str,
        description: str,
        metric: cloudwatch.IMetric,
        *,
        threshold: float = 0,
        periods: int = 1,
        of_them: int | None = None,
        missing: cloudwatch.TreatMissingData = _NO_DATA_IS_OK,
    ) -> None:
        """Create an alarm on more than `threshold` in `of_them` of the last `periods`, by default in all of them."""
        alarm = cloudwatch.Alarm(
            self,
            construct_id,
            alarm_description=description,
            metric=metric,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            threshold=threshold,
            evaluation_periods=periods,
            datapoints_to_alarm=of_them,
            treat_missing_data=missing,
        )
        notify = actions.SnsAction(self.topic)
        alarm.add_alarm_action(notify)
        alarm.add_ok_action(notify)
