"""Dead-letter handler and reconciler as deployed: permissions, schedule and environment."""

import json
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import assertions

from sd_on_eks.config.loader import parse_config
from stacks.sd_on_eks_stack import CONSTRUCT_ID, SdOnEKSStack

pytestmark = pytest.mark.xdist_group("synth")

CONFIG = """
stackName: Recovery
modelsRuntime:
- {name: sd, type: sdwebui, dynamicModel: true}
- {name: comfy, type: comfyui}
"""
ENVIRONMENT_BYTES = 4096
"""https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""


class Template:
    """The synthesized serverless subset."""

    def __init__(self, app: cdk.App, config: str = CONFIG) -> None:
        stack = SdOnEKSStack(app, CONSTRUCT_ID, config=parse_config(config, "config.yaml"), serverless_only=True)
        self.resources: dict[str, dict[str, Any]] = assertions.Template.from_stack(stack).to_json()["Resources"]

    def find(self, kind: str, beginning: str = "") -> dict[str, dict[str, Any]]:
        """Resources of a type whose logical ids begin so."""
        return {name: one for name, one in self.resources.items() if one["Type"] == kind and name.startswith(beginning)}

    def one(self, kind: str, beginning: str) -> dict[str, Any]:
        """Properties of the only one."""
        (found,) = self.find(kind, beginning).values()
        return dict(found["Properties"])

    def rights(self, role: str) -> set[tuple[str, str]]:
        """Pairs of action and resource of a role's policy; a resource by its logical ID, attribute or suffix."""
        statements = self.one("AWS::IAM::Policy", f"{role}DefaultPolicy")["PolicyDocument"]["Statement"]
        return {
            (action, _name(resource))
            for statement in statements
            for action in _listed(statement["Action"])
            for resource in _listed(statement["Resource"])
            if not action.startswith("logs:")
        }


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _name(resource: Any) -> str:
    match resource:
        case {"Fn::GetAtt": [name, _]} | {"Ref": name}:
            return str(name)
        case {"Fn::Join": [_, [*parts]]}:
            return "".join(_name(part) for part in parts)
    return str(resource)


@pytest.fixture(scope="module")
def template(synth_app: Callable[[], cdk.App]) -> Template:
    return Template(synth_app())


def queues(template: Template, kind: str) -> set[str]:
    return {name for name in template.find("AWS::SQS::Queue") if f"RuntimeQueue{kind}" in name and "Runtimes" in name}


def test_the_dead_letter_handler_has_only_the_permissions_that_it_needs(template: Template) -> None:
    (table,) = template.find("AWS::DynamoDB::Table")
    (bucket,) = template.find("AWS::S3::Bucket", "StorageOutputBucket")
    dead = queues(template, "DeadLetterQueue")
    assert len(dead) == 2
    assert template.rights("TaskRecoveryDeadLetterRole") == {
        ("dynamodb:GetItem", table),
        ("dynamodb:UpdateItem", table),
        ("s3:PutObject", f"{bucket}/parked/*"),
        *(
            (f"sqs:{action}", queue)
            for queue in dead
            for action in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
        ),
    }


def test_the_reconciler_has_only_the_permissions_that_it_needs(template: Template) -> None:
    (table,) = template.find("AWS::DynamoDB::Table")
    (topic,) = template.find("AWS::SNS::Topic", "TaskBusInputTopic")
    live = queues(template, "") - queues(template, "DeadLetterQueue")
    assert len(live) == 2
    assert template.rights("TaskRecoveryReconcilerRole") == {
        ("dynamodb:GetItem", table),
        ("dynamodb:UpdateItem", table),
        ("dynamodb:Query", f"{table}/index/open_by_expiry"),
        ("dynamodb:Query", f"{table}/index/by_runtime_status"),
        ("sns:Publish", topic),
        *((f"sqs:{action}", queue) for queue in live for action in ("GetQueueAttributes", "GetQueueUrl")),
    }


def test_every_dead_letter_queue_is_read_and_what_must_stay_stays(template: Template) -> None:
    function = template.one("AWS::Lambda::Function", "TaskRecoveryDeadLetterFunction")
    mappings = template.find("AWS::Lambda::EventSourceMapping", "TaskRecovery")
    sources = set()
    for mapping in mappings.values():
        properties = mapping["Properties"]
        assert properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert any(name.startswith("TaskRecoveryDeadLetterRoleDefaultPolicy") for name in mapping["DependsOn"])
        sources.add(_name(properties["EventSourceArn"]))
    assert sources == queues(template, "DeadLetterQueue")
    for queue in sources:
        assert template.resources[queue]["Properties"]["VisibilityTimeout"] >= 6 * function["Timeout"]


def test_the_reconciler_runs_every_five_minutes_and_has_ended_before_the_next_run(template: Template) -> None:
    rule = template.one("AWS::Events::Rule", "TaskRecoverySchedule")
    assert rule["ScheduleExpression"] == "rate(5 minutes)"
    (target,) = rule["Targets"]
    assert target["RetryPolicy"]["MaximumRetryAttempts"] == 0
    assert target["Arn"]["Fn::GetAtt"][0].startswith("TaskRecoveryReconcilerFunction")
    assert template.one("AWS::Lambda::Function", "TaskRecoveryReconcilerFunction")["Timeout"] < 5 * 60


def test_a_new_runtime_is_known_to_the_reconciler_before_the_api_takes_tasks_for_it(template: Template) -> None:
    (api,) = template.find("AWS::Lambda::Function", "TaskApi").values()
    assert any(name.startswith("TaskRecoveryReconcilerFunction") for name in api["DependsOn"])


@pytest.mark.parametrize("function", ["TaskRecoveryDeadLetterFunction", "TaskRecoveryReconcilerFunction"])
def test_the_environment_of_thirty_runtimes_fits(function: str, synth_app: Callable[[], cdk.App]) -> None:
    names = [f"runtime-with-a-long-name-{number}" for number in range(30)]
    runtimes = "\n".join(f"- {{name: {name}, type: comfyui}}" for name in names)
    template = Template(synth_app(), f"stackName: {'S' * 60}\nmodelsRuntime:\n{runtimes}")
    variables = template.one("AWS::Lambda::Function", function)["Environment"]["Variables"]

    def longest(value: Any) -> str:
        match value:
            case {"Fn::GetAtt": [_, "QueueName"]}:
                return "q" * 80
            case {"Ref": name} if str(name).startswith("TaskBusInputTopic"):
                return "arn:aws:sns:ap-southeast-1:111122223333:" + "t" * 100
            case {"Ref": _}:
                return "r" * 80
            case {"Fn::Join": [_, [*parts]]}:
                return "".join(longest(part) for part in parts)
        return str(value)

    resolved = {name: longest(value) for name, value in variables.items()}
    assert json.loads(resolved["RUNTIME_QUEUES"]).keys() == set(names)
    assert sum(len(name) + len(value) for name, value in resolved.items()) <= ENVIRONMENT_BYTES


def test_a_deployment_without_runtimes_has_both_handlers(synth_app: Callable[[], cdk.App]) -> None:
    template = Template(synth_app(), "stackName: Recovery")
    assert template.find("AWS::Lambda::EventSourceMapping", "TaskRecovery") == {}
    assert len(template.find("AWS::Lambda::Function", "TaskRecovery")) == 2


@pytest.mark.parametrize(
    ("kind", "beginning"),
    [
        ("AWS::S3::Bucket", "StorageFailureBucket"),
        ("AWS::Lambda::Function", "TaskBusRelayFunction"),
        ("AWS::Lambda::Function", "TaskBusNotifierFunction"),
    ],
)
def test_the_operators_tool_finds_what_it_needs(template: Template, kind: str, beginning: str) -> None:
    # scripts/resend.py looks for these.
    assert len(template.find(kind, beginning)) == 1
