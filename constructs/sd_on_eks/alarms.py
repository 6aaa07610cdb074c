"""Alarms: the few states in which tasks are lost, late or refused and nothing mends it by itself.

Each tells one topic when it begins and when it is over. docs/adr/0012-alarms.md says why these.
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

from sd_on_eks.lambda_function.function import HandlerFunction

METRICS_PER_EXPRESSION: Final = 10
"""https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-data-queries.html"""

_PERIOD: Final = Duration.minutes(5)
_LATE_MS: Final = Duration.minutes(5).to_milliseconds()
_OLD_S: Final = Duration.hours(1).to_seconds()
_FAILING_SHARE: Final = 0.05
_PERSISTENT: Final = 3
"""Periods in a row after which what is tried again by itself has not helped: a quarter of an hour."""

# What counts events has no data where there are none; silence is the good state.
_SILENCE_IS_GOOD: Final = cloudwatch.TreatMissingData.NOT_BREACHING


class Alarms(Construct):
    """The alarms, and the topic that they tell.

    Args:
        scope: the stack.
        construct_id: `Alarms`.
        rest_api: the HTTP API.
        task_api: its function, which counts `Unhandled`.
        relay: reads the stream and counts `Poison`.
        notifier: as the relay.
        dead_letter_handler: counts `DeadLettered`.
        reconciler: runs every five minutes.

    Attributes:
        topic: subscribe to it; the stack's output AlarmTopicArn names it.
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
            "One answer of the API in twenty is 5xx: callers are told to send again, and cannot get through",
            # Each request counts 0 or 1, so that the average is the rate.
            rest_api.metric_server_error(statistic="Average", period=_PERIOD),
            threshold=_FAILING_SHARE,
            periods=2,
        )
        self._add(
            "TaskApiUnhandled",
            "The task API met an error that it does not know: a defect of ours, its log has the traceback",
            task_api.metric("Unhandled", period=_PERIOD),
        )
        for name, reader, what in (("Relay", relay, "Tasks"), ("Notifier", notifier, "Callbacks")):
            self._watch_stream_reader(name, reader, what)
        self._add(
            "DeadLettered",
            "A message went through its receives without an end: its task was failed, or was kept for a look",
            dead_letter_handler.metric("DeadLettered", period=_PERIOD),
        )
        self._add(
            "DeadLetterHandlerFails",
            "What could not be handled cannot be ended either; it waits in the dead-letter queues for two weeks",
            dead_letter_handler.function.metric_errors(period=_PERIOD),
            periods=_PERSISTENT,
        )
        self._add(
            "ReconcilerFails",
            "Nothing ends expired tasks or sends lost messages again",
            reconciler.function.metric_errors(period=_PERIOD),
            periods=_PERSISTENT,
            # Every run counts its errors, even none: without data it does not run at all.
            missing=cloudwatch.TreatMissingData.BREACHING,
        )

    def watch_queues(self, queues: Mapping[str, sqs.IQueue]) -> None:
        """Add the alarm of queues that nobody works off; of more than ten queues several.

        Not part of the serverless slice: the emulator takes no alarm on an expression.

        Args:
            queues: name of a runtime -> its queue.
        """
        names = list(queues)
        for number, first in enumerate(range(0, len(names), METRICS_PER_EXPRESSION)):
            ages = {
                f"q{index}": queues[name].metric_approximate_age_of_oldest_message(
                    statistic="Maximum", period=_PERIOD, label=name
                )
                for index, name in enumerate(names[first : first + METRICS_PER_EXPRESSION])
            }
            self._add(
                f"TasksWait{number or ''}",
                "A task has waited for an hour: no replica comes up, or there are too few of them",
                cloudwatch.MathExpression(
                    # A queue that nobody asks for six hours has no data; the others still count.
                    expression=f"MAX([{', '.join(f'FILL({age}, 0)' for age in ages)}])",
                    using_metrics=ages,
                    label="Age of the oldest message in seconds",
                    period=_PERIOD,
                ),
                threshold=_OLD_S,
                periods=3,
                # The latest period may not have its data yet, and is filled with 0.
                of_them=2,
            )

    def _build_topic(self) -> sns.Topic:
        topic = sns.Topic(self, "Topic", enforce_ssl=True)
        # A policy of its own takes the place of the default one, which lets the account's alarms in.
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
            self, "TopicArn", value=topic.topic_arn, description="Topic of the alarms: subscribe to it"
        ).override_logical_id("AlarmTopicArn")
        return topic

    def _watch_stream_reader(self, name: str, reader: HandlerFunction, what: str) -> None:
        self._add(
            f"{name}Late",
            f"{what} have waited in the stream for five minutes; after twelve hours the failure bucket gets them",
            reader.function.metric("IteratorAge", statistic="Maximum", period=_PERIOD),
            threshold=_LATE_MS,
        )
        self._add(
            f"{name}Fails",
            f"{what} cannot be published; they are tried again",
            reader.function.metric_errors(period=_PERIOD),
            periods=_PERSISTENT,
        )
        self._add(
            f"{name}Poison",
            f"{what} can never be published as they are; the failure bucket has them, to be sent again by hand",
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
        missing: cloudwatch.TreatMissingData = _SILENCE_IS_GOOD,
    ) -> None:
        """Make an alarm on more than `threshold` in `of_them` of the last `periods`, by default in all of them."""
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
        tell = actions.SnsAction(self.topic)
        alarm.add_alarm_action(tell)
        alarm.add_ok_action(tell)
