"""The HTTP API as it is deployed: what it may do, what it logs, and what a caller is asked for."""

import json
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import assertions
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_s3 as s3

from sd_on_eks.config.loader import parse_config
from sd_on_eks.task_api.construct import TaskApi

pytestmark = pytest.mark.xdist_group("synth")

CONFIG = """
stackName: Api
APIGW: {stageName: live, throttle: {rateLimit: 7, burstLimit: 9}}
modelsRuntime:
- {name: sd, type: sdwebui, modelFilename: v1-5.safetensors}
- {name: any, type: sdwebui, dynamicModel: true}
"""


class Template:
    """A synthesized stack of the API alone."""

    def __init__(self, app: cdk.App, config: str) -> None:
        stack = cdk.Stack(app, "Api")
        self.api = TaskApi(
            stack,
            "TaskApi",
            config=parse_config(config, "config.yaml"),
            table=dynamodb.Table.from_table_arn(stack, "Table", "arn:aws:dynamodb:eu-west-1:111122223333:table/tasks"),
            output_bucket=s3.Bucket.from_bucket_name(stack, "Bucket", "output"),
        )
        self.command = stack.resolve(self.api.get_api_key_command)
        self.resources: dict[str, dict[str, Any]] = assertions.Template.from_stack(stack).to_json()["Resources"]

    def all(self, kind: str) -> list[dict[str, Any]]:
        """Properties of all resources of a type."""
        return [one["Properties"] for one in self.resources.values() if one["Type"] == kind]

    def one(self, kind: str) -> dict[str, Any]:
        """Properties of the only resource of a type."""
        (found,) = self.all(kind)
        return found


@pytest.fixture(scope="module")
def template(synth_app: Callable[[], cdk.App]) -> Template:
    return Template(synth_app(), CONFIG)


def test_the_key_gets_the_name_that_users_know_and_is_shown_by_its_id(template: Template) -> None:
    key = template.resources["defaultAPIKey"]
    assert key["Type"] == "AWS::ApiGateway::ApiKey"
    assert "Name" not in key["Properties"]
    assert template.command == {
        "Fn::Join": [
            "",
            [
                "aws apigateway get-api-key --api-key ",
                {"Ref": "defaultAPIKey"},
                " --include-value --query value --output text",
            ],
        ]
    }


def test_the_throttle_is_the_usage_plans_and_the_plan_has_the_key(template: Template) -> None:
    assert template.one("AWS::ApiGateway::UsagePlan")["Throttle"] == {"RateLimit": 7, "BurstLimit": 9}
    assert template.one("AWS::ApiGateway::UsagePlanKey")["KeyId"] == {"Ref": "defaultAPIKey"}
    for setting in template.one("AWS::ApiGateway::Stage")["MethodSettings"]:
        assert not {name for name in setting if name.startswith("Throttling")}


def test_routes_are_the_contracts(template: Template) -> None:
    paths = {
        name: one["Properties"]
        for name, one in template.resources.items()
        if one["Type"] == "AWS::ApiGateway::Resource"
    }

    def path(resource: dict[str, str]) -> str:
        found = paths.get(resource.get("Ref", ""))
        return "" if found is None else f"{path(found['ParentId'])}/{found['PathPart']}"

    methods = template.all("AWS::ApiGateway::Method")
    assert {(one["HttpMethod"], path(one["ResourceId"])) for one in methods} == {
        ("POST", "/v1alpha1"),
        ("POST", "/v1alpha2"),
        ("GET", "/v1alpha2/tasks/{id}"),
    }
    assert {one["Integration"]["Type"] for one in methods} == {"AWS_PROXY"}


def test_the_function_may_do_what_submit_and_show_need_and_no_more(template: Template) -> None:
    rights: set[tuple[str, str]] = set()
    for policy in template.all("AWS::IAM::Policy"):
        for statement in policy["PolicyDocument"]["Statement"]:
            actions = statement["Action"]
            for action in [actions] if isinstance(actions, str) else actions:
                rights.add((action, json.dumps(statement["Resource"])))
    table = '"arn:aws:dynamodb:eu-west-1:111122223333:table/tasks"'
    objects = '{"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":s3:::output/%s"]]}'
    logs = {(action, resource) for action, resource in rights if action.startswith("logs:")}
    assert rights - logs == {
        ("dynamodb:PutItem", table),
        ("dynamodb:Query", table),
        ("s3:PutObject", objects % "payloads/*"),
        ("s3:GetObject", objects % "*"),
    }
    assert all("TaskApiHandlerLogGroup" in resource for _, resource in logs)


def test_the_function_has_no_managed_policy(template: Template) -> None:
    (role,) = [
        one
        for one in template.all("AWS::IAM::Role")
        if "lambda.amazonaws.com" in json.dumps(one["AssumeRolePolicyDocument"])
    ]
    assert "ManagedPolicyArns" not in role


def test_the_function_answers_before_the_gateway_gives_up(template: Template) -> None:
    function = template.one("AWS::Lambda::Function")
    assert function["Timeout"] < 29  # API Gateway's integration timeout
    assert (function["Runtime"], function["Architectures"]) == ("python3.14", ["arm64"])
    assert "TracingConfig" not in function


def test_the_function_knows_the_runtimes_as_the_configuration_has_them(template: Template) -> None:
    environment = template.one("AWS::Lambda::Function")["Environment"]["Variables"]
    assert json.loads(environment["RUNTIMES"]) == [
        {"name": "sd", "type": "sdwebui", "model_filename": "v1-5.safetensors", "dynamic_model": False},
        {"name": "any", "type": "sdwebui", "model_filename": None, "dynamic_model": True},
    ]
    assert (environment["MAX_TASK_AGE_S"], environment["TENANT_ISOLATION"]) == (str(72 * 3600), "true")


def test_nothing_that_a_caller_sends_is_logged(template: Template) -> None:
    stage = template.one("AWS::ApiGateway::Stage")
    logged = set(json.loads(stage["AccessLogSetting"]["Format"]).values())
    for secret in ("$context.identity.apiKey", "$context.path", "$context.identity.userAgent"):
        assert secret not in logged
    assert not any("input" in field or "header" in field for field in logged)
    (settings,) = stage["MethodSettings"]
    assert (settings["LoggingLevel"], settings["DataTraceEnabled"]) == ("ERROR", False)
    assert not stage.get("TracingEnabled", False)


def test_the_gateways_own_log_is_there_before_the_stage_and_ends(template: Template) -> None:
    (logical_id,) = [
        name
        for name, one in template.resources.items()
        if one["Type"] == "AWS::Logs::LogGroup"
        and "API-Gateway-Execution-Logs_" in json.dumps(one["Properties"].get("LogGroupName"))
    ]
    group = template.resources[logical_id]["Properties"]
    api = next(name for name, one in template.resources.items() if one["Type"] == "AWS::ApiGateway::RestApi")
    assert group["LogGroupName"] == {"Fn::Join": ["", ["API-Gateway-Execution-Logs_", {"Ref": api}, "/live"]]}
    assert group["RetentionInDays"]
    (stage,) = [one for one in template.resources.values() if one["Type"] == "AWS::ApiGateway::Stage"]
    assert logical_id in stage["DependsOn"]


def test_the_accounts_logging_role_stays_when_the_stack_goes(template: Template) -> None:
    (account,) = [one for one in template.resources.values() if one["Type"] == "AWS::ApiGateway::Account"]
    assert account["DeletionPolicy"] == "Retain"
    (role,) = [
        one
        for one in template.resources.values()
        if one["Type"] == "AWS::IAM::Role" and "apigateway" in json.dumps(one["Properties"]["AssumeRolePolicyDocument"])
    ]
    assert role["DeletionPolicy"] == "Retain"


def test_the_accounts_logging_role_can_be_left_alone(synth_app: Callable[[], cdk.App]) -> None:
    without = Template(synth_app(), CONFIG.replace("APIGW: {", "APIGW: {cloudWatchRole: false, "))
    assert without.all("AWS::ApiGateway::Account") == []
    assert len(without.all("AWS::IAM::Role")) == 1


@pytest.mark.parametrize(
    ("response", "status", "code"),
    [
        ("INVALID_API_KEY", "401", "unauthorized"),
        ("UNAUTHORIZED", "401", "unauthorized"),
        ("MISSING_AUTHENTICATION_TOKEN", "404", "unknown_route"),
        ("RESOURCE_NOT_FOUND", "404", "unknown_route"),
        ("REQUEST_TOO_LARGE", "413", "too_large"),
        ("UNSUPPORTED_MEDIA_TYPE", "415", "unsupported_media_type"),
        ("THROTTLED", "429", "throttled"),
        ("QUOTA_EXCEEDED", "429", "quota_exceeded"),
        ("INTEGRATION_TIMEOUT", "504", "timeout"),
        ("INTEGRATION_FAILURE", "502", "internal"),
        ("DEFAULT_4XX", None, "invalid_request"),
        ("DEFAULT_5XX", None, "internal"),
    ],
)
def test_the_gateway_answers_as_the_contract_says(
    template: Template, response: str, status: str | None, code: str
) -> None:
    (answer,) = [one for one in template.all("AWS::ApiGateway::GatewayResponse") if one["ResponseType"] == response]
    assert answer.get("StatusCode") == status
    body = answer["ResponseTemplates"]["application/json"].replace("$context.error.messageString", '"in its words"')
    error = json.loads(body)["error"]
    assert (error["code"], error["request_id"]) == (code, "$context.requestId")
    assert error["message"]
