"""The alarms: their metrics, their treatment of missing data, and their notifications."""

import json
import re
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import assertions
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from cdk_nag import AwsSolutionsChecks

from sd_on_eks.alarms import Alarms
from sd_on_eks.cdk_app.idle_cost import alarm_metrics
from sd_on_eks.config.loader import parse_config
from sd_on_eks.config.rules.size import RUNTIMES_PER_ALARM
from sd_on_eks.lambda_function.function import HandlerFunction

pytestmark = pytest.mark.xdist_group("synth")

RUNTIMES = [f"runtime-{number}" for number in range(12)]
HANDLERS = ("TaskApi", "Relay", "Notifier", "DeadLetterHandler", "Reconciler")


def alarms(app: cdk.App) -> Alarms:
    """The alarms in a stack, with the resources that they monitor."""
    stack = cdk.Stack(app, "SdOnEKSStack")
    api = apigateway.RestApi(stack, "RestApi", rest_api_name="api", cloud_watch_role=False)
    api.root.add_method("GET")
    task_api, relay, notifier, dead_letter_handler, reconciler = (
        HandlerFunction(
            stack,
            name,
            code=lambda_.Code.from_inline("pass"),
            handler="index.handler",
            environment={},
            timeout=cdk.Duration.seconds(5),
            description=name,
        )
        for name in HANDLERS
    )
    made = Alarms(
        stack,
        "Alarms",
        rest_api=api,
        task_api=task_api,
        relay=relay,
        notifier=notifier,
        dead_letter_handler=dead_letter_handler,
        reconciler=reconciler,
    )
    made.watch_queues(
        {
            name: sqs.Queue.from_queue_arn(stack, name, f"arn:aws:sqs:us-east-1:111122223333:queue-of-{name}")
            for name in RUNTIMES
        }
    )
    return made


@pytest.fixture(scope="module")
def template(synth_app: Callable[[], cdk.App]) -> dict[str, Any]:
    return dict(assertions.Template.from_stack(cdk.Stack.of(alarms(synth_app()))).to_json())


@pytest.fixture(scope="module")
def by_name(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Properties of the alarms by their construct ids."""
    found = {}
    for logical_id, one in template["Resources"].items():
        if one["Type"] == "AWS::CloudWatch::Alarm":
            name = re.fullmatch(r"Alarms(\w+)[0-9A-F]{8}", logical_id)
            assert name is not None
            found[name[1]] = one["Properties"]
    return found


def function_of(template: dict[str, Any], alarm: dict[str, Any]) -> str:
    """The handler that an alarm monitors: by its function, or by the service dimension of its metrics."""
    (dimension,) = alarm["Dimensions"]
    if dimension["Name"] == "service":
        return str(dimension["Value"])
    assert dimension["Name"] == "FunctionName"
    return str(template["Resources"][dimension["Value"]["Ref"]]["Properties"]["Description"])


def namespace_of(alarm: dict[str, Any]) -> str:
    """The namespace of an alarm's metric; the stack's namespace by its first part."""
    namespace = alarm["Namespace"]
    if isinstance(namespace, str):
        return namespace
    assert namespace == {"Fn::Join": ["", ["SdOnEks/", {"Ref": "AWS::StackName"}]]}
    return "SdOnEks"


@pytest.mark.parametrize(
    ("name", "handler", "metric", "statistic", "periods"),
    [
        ("TaskApiUnhandled", "TaskApi", "SdOnEks Unhandled", "Sum", 1),
        ("RelayLate", "Relay", "AWS/Lambda IteratorAge", "Maximum", 1),
        ("RelayFails", "Relay", "AWS/Lambda Errors", "Sum", 3),
        ("RelayPoison", "Relay", "SdOnEks Poison", "Sum", 1),
        ("NotifierLate", "Notifier", "AWS/Lambda IteratorAge", "Maximum", 1),
        ("NotifierFails", "Notifier", "AWS/Lambda Errors", "Sum", 3),
        ("NotifierPoison", "Notifier", "SdOnEks Poison", "Sum", 1),
        ("DeadLettered", "DeadLetterHandler", "SdOnEks DeadLettered", "Sum", 1),
        ("DeadLetterHandlerFails", "DeadLetterHandler", "AWS/Lambda Errors", "Sum", 3),
        ("ReconcilerFails", "Reconciler", "AWS/Lambda Errors", "Sum", 3),
    ],
)
def test_an_alarm_monitors_its_handler(
    template: dict[str, Any],
    by_name: dict[str, dict[str, Any]],
    name: str,
    handler: str,
    metric: str,
    statistic: str,
    periods: int,
) -> None:
    alarm = by_name[name]
    assert function_of(template, alarm) == handler
    assert f"{namespace_of(alarm)} {alarm['MetricName']}" == metric
    assert (alarm["Statistic"], alarm["Period"], alarm["EvaluationPeriods"]) == (statistic, 300, periods)
    assert alarm["ComparisonOperator"] == "GreaterThanThreshold"
    assert alarm["Threshold"] == (300_000 if name.endswith("Late") else 0)


def test_handlers_publish_the_metrics_that_the_alarms_monitor(
    template: dict[str, Any], by_name: dict[str, dict[str, Any]]
) -> None:
    services = [
        [variables["POWERTOOLS_SERVICE_NAME"], variables["POWERTOOLS_METRICS_NAMESPACE"]]
        for one in template["Resources"].values()
        if one["Type"] == "AWS::Lambda::Function"
        for variables in [one["Properties"]["Environment"]["Variables"]]
    ]
    own = [alarm for alarm in by_name.values() if "Namespace" in alarm and namespace_of(alarm) == "SdOnEks"]
    assert len(own) == 4
    assert all([function_of(template, alarm), alarm["Namespace"]] in services for alarm in own)


def test_the_api_fails_when_five_percent_of_responses_are_5xx_for_ten_minutes(
    by_name: dict[str, dict[str, Any]],
) -> None:
    alarm = by_name["ApiFails"]
    assert (alarm["Namespace"], alarm["MetricName"], alarm["Statistic"]) == ("AWS/ApiGateway", "5XXError", "Average")
    assert alarm["Dimensions"] == [{"Name": "ApiName", "Value": "api"}]
    assert (alarm["Threshold"], alarm["Period"], alarm["EvaluationPeriods"]) == (0.05, 300, 2)


def test_ten_queues_share_an_alarm_on_the_oldest_message(by_name: dict[str, dict[str, Any]]) -> None:
    shared = [alarm for name, alarm in by_name.items() if name.startswith("TasksWait")]
    watched: list[str] = []
    for alarm in shared:
        (expression,) = [one for one in alarm["Metrics"] if "Expression" in one]
        ages = {one["Id"]: one for one in alarm["Metrics"] if "MetricStat" in one}
        assert len(ages) <= RUNTIMES_PER_ALARM
        assert expression["Expression"] == f"MAX([{', '.join(f'FILL({age}, 0)' for age in ages)}])"
        assert [one["ReturnData"] for one in ages.values()] == [False] * len(ages)
        assert (alarm["Threshold"], alarm["EvaluationPeriods"], alarm["DatapointsToAlarm"]) == (3600, 3, 2)
        for one in ages.values():
            metric = one["MetricStat"]["Metric"]
            assert (metric["Namespace"], metric["MetricName"]) == ("AWS/SQS", "ApproximateAgeOfOldestMessage")
            assert (one["MetricStat"]["Stat"], one["MetricStat"]["Period"]) == ("Maximum", 300)
            assert metric["Dimensions"] == [{"Name": "QueueName", "Value": f"queue-of-{one['Label']}"}]
            watched.append(one["Label"])
    assert watched == RUNTIMES


def test_missing_data_is_not_breaching_except_for_the_reconciler(by_name: dict[str, dict[str, Any]]) -> None:
    silence = {name: alarm["TreatMissingData"] for name, alarm in by_name.items()}
    assert silence.pop("ReconcilerFails") == "breaching"
    assert set(silence.values()) == {"notBreaching"}


def test_every_alarm_has_a_description_and_notifies_the_topic_at_its_start_and_end(
    template: dict[str, Any], by_name: dict[str, dict[str, Any]]
) -> None:
    topic = template["Outputs"]["AlarmTopicArn"]["Value"]
    for alarm in by_name.values():
        assert len(alarm["AlarmDescription"]) > 40
        assert alarm["AlarmActions"] == alarm["OKActions"] == [topic]


def test_alarms_can_publish_to_the_topic_and_nobody_without_encryption(template: dict[str, Any]) -> None:
    (policy,) = [
        one["Properties"]["PolicyDocument"]["Statement"]
        for one in template["Resources"].values()
        if one["Type"] == "AWS::SNS::TopicPolicy"
    ]
    allowed = next(one for one in policy if one["Effect"] == "Allow")
    assert (allowed["Principal"], allowed["Action"]) == ({"Service": "cloudwatch.amazonaws.com"}, "sns:Publish")
    assert allowed["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    denied = next(one for one in policy if one["Effect"] == "Deny")
    assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_the_idle_cost_counts_every_metric_of_an_alarm(by_name: dict[str, dict[str, Any]]) -> None:
    looked_at = sum(
        sum("MetricStat" in one for one in alarm["Metrics"]) if "Metrics" in alarm else 1 for alarm in by_name.values()
    )
    config = json.dumps(
        {"modelsRuntime": [{"name": name, "type": "sdwebui", "dynamicModel": True} for name in RUNTIMES]}
    )
    assert looked_at == alarm_metrics(parse_config(config, "x"))


def test_cdk_nag_has_no_finding(synth_app: Callable[[], cdk.App]) -> None:
    app = synth_app()
    alarms(app)
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    with pytest.raises(RuntimeError) as report:  # of the API, which the alarms only monitor
        app.synth()
    assert "SdOnEKSStack/RestApi" in str(report.value)
    assert "SdOnEKSStack/Alarms" not in str(report.value)
