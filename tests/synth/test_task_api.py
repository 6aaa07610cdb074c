"""The HTTP API as deployed: its permissions, its logs, and the requirements for callers."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import assertions
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from cdk_nag import AwsSolutionsChecks
from cfnlint.api import lint  # type: ignore[import-untyped]  # the distribution has no types
from cfnlint.config import ManualArgs  # type: ignore[import-untyped]  # as above

from sd_on_eks.config.loader import parse_config
from sd_on_eks.config.rules.gateway import MOST_ENVIRONMENT_BYTES, environment_bytes
from sd_on_eks.config.rules.size import most_resources
from sd_on_eks.lambda_function.staging import content_hash, staged
from sd_on_eks.task_api.access import resource_policy
from sd_on_eks.task_api.construct import TaskApi
from sd_on_eks.task_api.gateway_responses import GATEWAY_ERRORS
from sd_on_eks.task_api.handler.runtimes import RUNTIMES_FILE
from task_record.protocol_times import DAY_S, ProtocolTimes

pytestmark = pytest.mark.xdist_group("synth")

TABLE = "arn:aws:dynamodb:eu-west-1:111122223333:table/tasks"

CONFIG = """
stackName: Api
APIGW: {stageName: live, throttle: {rateLimit: 7, burstLimit: 9}}
modelsRuntime:
- {name: sd, type: sdwebui, modelFilename: v1-5.safetensors}
- {name: any, type: sdwebui, dynamicModel: true, backlogLimit: 5, retired: true}
"""

EVERYTHING = """
stackName: Api
APIGW:
  methodThrottle: {rateLimit: 100, burstLimit: 200}
  plans:
  - {name: studio, throttle: {rateLimit: 5, burstLimit: 6}, quota: {limit: 1000, period: week}}
  - {name: research-2}
  cors: {allowOrigins: [https://a.example.com, "http://localhost:3000"]}
  sourceIpCidrs: [203.0.113.0/24, "2001:db8::/32"]
  webAcl: {requestsPer5Minutes: 9000}
  canary: {minutes: 10}
inputBucketArns: ["arn:aws:s3:::studio-inputs", "arn:aws:s3:::shared-inputs"]
modelsRuntime:
- {name: sd, type: sdwebui, dynamicModel: true}
"""
"""All options except the private endpoint, which excludes the web ACL."""

PRIVATE = """
APIGW:
  tenantIsolation: false
  privateEndpoint: {vpcEndpointIds: [vpce-01234567, vpce-12345678]}
  cors: {allowOrigins: [https://a.example.com]}
taskProtocol: {maxTaskAgeHours: 200, queueRetentionDays: 9}
"""

ROUTES = {
    ("POST", "/v1alpha1"),
    ("POST", "/v1alpha2"),
    ("GET", "/v1alpha2/tasks"),
    ("GET", "/v1alpha2/tasks/{id}"),
    ("POST", "/v1alpha2/tasks/{id}/cancel"),
    ("POST", "/v1alpha2/uploads"),
}


def task_api(app: cdk.App, config: str) -> TaskApi:
    """The API in a stack of its own."""
    stack = cdk.Stack(app, "Api")
    return TaskApi(
        stack,
        "TaskApi",
        config=parse_config(config, "config.yaml"),
        table=dynamodb.Table.from_table_arn(stack, "Table", TABLE),
        output_bucket=s3.Bucket.from_bucket_name(stack, "Bucket", "output"),
    )


class Template:
    """A synthesized stack of the API alone."""

    def __init__(self, app: cdk.App, config: str) -> None:
        self.api = task_api(app, config)
        stack = cdk.Stack.of(self.api)
        self.command = stack.resolve(self.api.get_api_key_command)
        self.json = dict(assertions.Template.from_stack(stack).to_json())
        self.resources: dict[str, dict[str, Any]] = self.json["Resources"]

    def all(self, kind: str) -> list[dict[str, Any]]:
        """Properties of all resources of a type."""
        return [one["Properties"] for one in self.resources.values() if one["Type"] == kind]

    def one(self, kind: str) -> dict[str, Any]:
        """Properties of the only resource of a type."""
        (found,) = self.all(kind)
        return found

    def methods(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Properties of all methods by what a caller sends."""
        resources = {
            name: one["Properties"]
            for name, one in self.resources.items()
            if one["Type"] == "AWS::ApiGateway::Resource"
        }

        def path(resource: dict[str, str]) -> str:
            found = resources.get(resource.get("Ref", ""))
            return "" if found is None else f"{path(found['ParentId'])}/{found['PathPart']}"

        return {(one["HttpMethod"], path(one["ResourceId"])): one for one in self.all("AWS::ApiGateway::Method")}

    def environment(self) -> dict[str, Any]:
        """Environment variables of the function."""
        found: dict[str, Any] = self.one("AWS::Lambda::Function")["Environment"]["Variables"]
        return found


@pytest.fixture(scope="module")
def template(synth_app: Callable[[], cdk.App]) -> Template:
    return Template(synth_app(), CONFIG)


@pytest.fixture(scope="module")
def everything(synth_app: Callable[[], cdk.App]) -> Template:
    return Template(synth_app(), EVERYTHING)


@pytest.fixture(scope="module")
def private(synth_app: Callable[[], cdk.App]) -> Template:
    return Template(synth_app(), PRIVATE)


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
    methods = template.methods()
    assert methods.keys() == ROUTES
    assert {one["Integration"]["Type"] for one in methods.values()} == {"AWS_PROXY"}
    assert all(one["ApiKeyRequired"] for one in methods.values())


def test_no_request_is_validated_by_the_gateway(template: Template) -> None:
    assert template.all("AWS::ApiGateway::RequestValidator") == template.all("AWS::ApiGateway::Model") == []


def test_the_function_has_only_the_permissions_that_its_routes_need(template: Template) -> None:
    rights: set[tuple[str, str]] = set()
    for policy in template.all("AWS::IAM::Policy"):
        for statement in policy["PolicyDocument"]["Statement"]:
            actions = statement["Action"]
            for action in [actions] if isinstance(actions, str) else actions:
                rights.add((action, json.dumps(statement["Resource"])))
    table = f'"{TABLE}"'
    objects = '{"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":s3:::output/%s"]]}'
    logs = {(action, resource) for action, resource in rights if action.startswith("logs:")}
    assert rights - logs == {
        ("dynamodb:ConditionCheckItem", table),
        ("dynamodb:GetItem", table),
        ("dynamodb:PutItem", table),
        ("dynamodb:Query", table),
        ("dynamodb:UpdateItem", table),
        ("dynamodb:Query", f'["{TABLE}/index/by_owner_runtime", "{TABLE}/index/by_runtime_status"]'),
        ("s3:PutObject", f"[{objects % 'payloads/*'}, {objects % 'uploads/*'}]"),
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


def test_the_function_times_out_before_the_gateway(template: Template) -> None:
    function = template.one("AWS::Lambda::Function")
    assert function["Timeout"] < 29  # API Gateway's integration timeout
    assert (function["Runtime"], function["Architectures"]) == ("python3.14", ["arm64"])
    assert "TracingConfig" not in function


def test_the_function_has_no_reserved_concurrency(template: Template) -> None:
    # It would reduce the concurrency of the account, and requests above it would fail with a 5xx error.
    assert "ReservedConcurrentExecutions" not in template.one("AWS::Lambda::Function")


def staged_table(app: cdk.App, config: str, patch: pytest.MonkeyPatch) -> tuple[str, str]:
    """The table of runtimes in the function's asset, and the asset's hash."""
    found = []

    @contextmanager
    def watched(**parts: Any) -> Iterator[Path]:
        with staged(**parts) as asset:
            found.append(((asset / "handler" / RUNTIMES_FILE).read_text("utf-8"), content_hash(asset)))
            yield asset

    patch.setattr("sd_on_eks.lambda_function.handler_asset.staged", watched)
    task_api(app, config)
    ((table, digest),) = found
    return table, digest


def test_the_function_knows_the_runtimes_as_the_configuration_has_them(
    synth_app: Callable[[], cdk.App], monkeypatch: pytest.MonkeyPatch
) -> None:
    table, digest = staged_table(synth_app(), CONFIG, monkeypatch)
    assert json.loads(table) == [
        {
            "name": "sd",
            "type": "sdwebui",
            "model_filename": "v1-5.safetensors",
            "typical_task_s": 12,
            "max_replicas": 5,
        },
        {
            "name": "any",
            "type": "sdwebui",
            "dynamic_model": True,
            "retired": True,
            "backlog_limit": 5,
            "typical_task_s": 12,
            "max_replicas": 5,
        },
    ]
    assert staged_table(synth_app(), CONFIG, monkeypatch) == (table, digest)
    assert staged_table(synth_app(), CONFIG.replace("v1-5", "v2"), monkeypatch)[1] != digest


def test_thirty_runtimes_with_long_names_of_models_fit(synth_app: Callable[[], cdk.App]) -> None:
    runtimes = [
        {"name": f"{'r' * 37}-{number}", "type": "sdwebui", "modelFilename": f"{number}/{'m' * 230}.safetensors"}
        for number in range(30)
    ]
    made = Template(synth_app(), json.dumps({"stackName": "Api", "modelsRuntime": runtimes}))
    assert "RUNTIMES" not in made.environment()
    assert size_of(made.environment()) < MOST_ENVIRONMENT_BYTES / 4


def test_the_function_knows_the_ages_that_belong_together(private: Template) -> None:
    # Some of them without the others would contradict defaults.
    times = ProtocolTimes.from_environment(private.environment())
    assert (times.max_task_age_s, times.queue_retention_s, times.record_ttl_s) == (200 * 3600, 9 * DAY_S, 30 * DAY_S)


def test_the_function_knows_whether_keys_are_isolated(template: Template, private: Template) -> None:
    assert template.environment()["TENANT_ISOLATION"] == "true"
    assert private.environment()["TENANT_ISOLATION"] == "false"


def test_the_rule_on_the_environment_counts_all_of_it(template: Template, everything: Template) -> None:
    spare = [
        environment_bytes(parse_config(config, "x")) - size_of(made.environment())
        for made, config in ((template, CONFIG), (everything, EVERYTHING))
    ]
    assert all(0 <= some <= 200 for some in spare)
    # For all options; the names of optional variables are always counted.
    assert abs(spare[0] - spare[1]) <= len("CORS_ALLOW_ORIGINS") + len("INPUT_BUCKETS") + 4


def size_of(environment: dict[str, Any]) -> int:
    """Bytes of an environment, with the longest names that CloudFormation generates."""
    longest = {"TASK_TABLE_NAME": len("Api-TaskTable95FE7720-ABCDEFGHIJKLM"), "OUTPUT_BUCKET_NAME": 63}

    def of(name: str, value: Any) -> int:
        if name in longest:
            return longest[name]
        parts = value["Fn::Join"][1] if isinstance(value, dict) else [value]
        return sum(len(part) if isinstance(part, str) else len("abcdefghij") for part in parts)

    return sum(len(name) + of(name, value) for name, value in environment.items())


def test_the_apis_metrics_are_this_stacks_alone(template: Template) -> None:
    # They carry its name and nothing else of it.
    assert template.one("AWS::ApiGateway::RestApi")["Name"] == {"Ref": "AWS::StackName"}


def test_nothing_that_a_caller_sends_is_logged(template: Template) -> None:
    stage = template.one("AWS::ApiGateway::Stage")
    logged = set(json.loads(stage["AccessLogSetting"]["Format"]).values())
    for secret in ("$context.identity.apiKey", "$context.path", "$context.identity.userAgent"):
        assert secret not in logged
    assert not any("input" in field or "header" in field for field in logged)
    (settings,) = stage["MethodSettings"]
    assert (settings["LoggingLevel"], settings["DataTraceEnabled"]) == ("ERROR", False)
    assert not stage.get("TracingEnabled", False)


def test_the_gateways_log_group_is_created_before_the_stage_and_has_a_retention_period(template: Template) -> None:
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


def test_the_accounts_logging_role_is_retained_when_the_stack_is_deleted(template: Template) -> None:
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
    ("response", "status", "code", "retry_after"),
    [
        ("INVALID_API_KEY", "401", "unauthorized", None),
        ("UNAUTHORIZED", "401", "unauthorized", None),
        ("ACCESS_DENIED", "403", "access_denied", None),
        ("WAF_FILTERED", "403", "access_denied", None),
        ("MISSING_AUTHENTICATION_TOKEN", "404", "unknown_route", None),
        ("RESOURCE_NOT_FOUND", "404", "unknown_route", None),
        ("REQUEST_TOO_LARGE", "413", "too_large", None),
        ("UNSUPPORTED_MEDIA_TYPE", "415", "unsupported_media_type", None),
        ("THROTTLED", "429", "throttled", "'1'"),
        ("QUOTA_EXCEEDED", "429", "quota_exceeded", "'3600'"),
        ("INTEGRATION_TIMEOUT", "504", "timeout", "'1'"),
        ("INTEGRATION_FAILURE", "502", "internal", "'1'"),
        ("DEFAULT_4XX", None, "invalid_request", None),
        ("DEFAULT_5XX", None, "internal", "'1'"),
    ],
)
def test_the_gateway_responds_as_in_the_contract(
    template: Template, response: str, status: str | None, code: str, retry_after: str | None
) -> None:
    (answer,) = [one for one in template.all("AWS::ApiGateway::GatewayResponse") if one["ResponseType"] == response]
    assert answer.get("StatusCode") == status
    body = answer["ResponseTemplates"]["application/json"].replace("$context.error.messageString", '"in its words"')
    error = json.loads(body)["error"]
    assert (error["code"], error["request_id"]) == (code, "$context.requestId")
    assert error["message"]
    assert answer.get("ResponseParameters", {}) == (
        {} if retry_after is None else {"gatewayresponse.header.Retry-After": retry_after}
    )


def test_the_table_above_contains_all_gateway_responses(template: Template) -> None:
    assert len(template.all("AWS::ApiGateway::GatewayResponse")) == len(GATEWAY_ERRORS) == 14


def test_a_response_about_size_describes_the_alternative(template: Template) -> None:
    (answer,) = [
        one for one in template.all("AWS::ApiGateway::GatewayResponse") if one["ResponseType"] == "REQUEST_TOO_LARGE"
    ]
    assert "POST /v1alpha2/uploads" in answer["ResponseTemplates"]["application/json"]


def test_each_plan_has_a_key_with_limits_of_its_own(everything: Template) -> None:
    plans = {
        everything.resources[one["KeyId"]["Ref"]]["Properties"].get("Name"): everything.resources[
            one["UsagePlanId"]["Ref"]
        ]["Properties"]
        for one in everything.all("AWS::ApiGateway::UsagePlanKey")
    }
    assert {name: (plan["Throttle"], plan.get("Quota")) for name, plan in plans.items()} == {
        None: ({"RateLimit": 30, "BurstLimit": 50}, None),
        "Api-studio": ({"RateLimit": 5, "BurstLimit": 6}, {"Limit": 1000, "Period": "WEEK"}),
        "Api-research-2": ({"RateLimit": 30, "BurstLimit": 50}, None),
    }
    stages = {json.dumps(plan["ApiStages"], sort_keys=True) for plan in plans.values()}
    assert len(stages) == 1


def test_the_function_knows_whose_each_plans_key_is(everything: Template, template: Template) -> None:
    _, parts = everything.environment()["TENANTS"]["Fn::Join"]
    tenants = json.loads("".join(part if isinstance(part, str) else part["Ref"] for part in parts))
    names = {
        key: everything.resources[key]["Properties"]["Name"].removeprefix("Api-")
        for key in everything.resources
        if everything.resources[key]["Type"] == "AWS::ApiGateway::ApiKey" and key != "defaultAPIKey"
    }
    assert tenants == names
    assert template.environment()["TENANTS"] == "{}"


def test_each_plans_key_is_shown_by_an_output(everything: Template) -> None:
    keys = {
        one["Value"]["Fn::Join"][1][1]["Ref"]
        for name, one in everything.json["Outputs"].items()
        if "GetAPIKeyCommand" in name
    }
    assert keys == {
        name
        for name, one in everything.resources.items()
        if one["Type"] == "AWS::ApiGateway::ApiKey" and name != "defaultAPIKey"
    }


def test_the_methods_limits_are_the_stages(everything: Template) -> None:
    (settings,) = everything.one("AWS::ApiGateway::Stage")["MethodSettings"]
    assert (settings["HttpMethod"], settings["ResourcePath"]) == ("*", "/*")
    assert (settings["ThrottlingRateLimit"], settings["ThrottlingBurstLimit"]) == (100, 200)


def test_every_route_has_a_preflight_that_needs_no_key_where_pages_may_call(everything: Template) -> None:
    methods = everything.methods()
    assert methods.keys() == ROUTES | {("OPTIONS", path) for _, path in ROUTES}
    for method, path in ROUTES:
        preflight = methods["OPTIONS", path]
        assert not preflight["ApiKeyRequired"]
        (answer,) = preflight["Integration"]["IntegrationResponses"]
        headers = {name.rpartition(".")[2]: value for name, value in answer["ResponseParameters"].items()}
        assert headers["Access-Control-Allow-Origin"] == "'https://a.example.com'"
        assert '$origin == "http://localhost:3000"' in answer["ResponseTemplates"]["application/json"]
        assert headers["Access-Control-Allow-Methods"] == f"'{method}'"
        assert headers["Access-Control-Allow-Headers"] == "'Content-Type,Idempotency-Key,X-Api-Key'"
        assert headers["Access-Control-Expose-Headers"] == "'Retry-After'"


@pytest.mark.parametrize(("options", "allowed_origin"), [("private", "'https://a.example.com'"), ("everything", "'*'")])
def test_pages_can_read_the_responses_of_the_gateway(
    request: pytest.FixtureRequest, options: str, allowed_origin: str
) -> None:
    for answer in request.getfixturevalue(options).all("AWS::ApiGateway::GatewayResponse"):
        headers = answer["ResponseParameters"]
        assert headers["gatewayresponse.header.Access-Control-Allow-Origin"] == allowed_origin
        assert headers["gatewayresponse.header.Access-Control-Expose-Headers"] == "'Retry-After'"


def test_the_function_knows_the_pages_that_may_call(everything: Template, template: Template) -> None:
    assert everything.environment()["CORS_ALLOW_ORIGINS"] == "https://a.example.com,http://localhost:3000"
    assert "CORS_ALLOW_ORIGINS" not in template.environment()


def test_the_api_is_open_to_all_networks_by_default(template: Template) -> None:
    api = template.one("AWS::ApiGateway::RestApi")
    assert api["EndpointConfiguration"] == {"Types": ["REGIONAL"]}
    assert "Policy" not in api


@pytest.mark.parametrize(
    ("options", "conditions"),
    [
        ("{sourceIpCidrs: [203.0.113.0/24]}", {"IpAddress": {"aws:SourceIp": ["203.0.113.0/24"]}}),
        (
            "{privateEndpoint: {vpcEndpointIds: [vpce-01234567]}}",
            {"StringEquals": {"aws:SourceVpce": ["vpce-01234567"]}},
        ),
        (
            "{privateEndpoint: {vpcEndpointIds: [vpce-01234567]}, sourceIpCidrs: [10.0.0.0/8]}",
            {
                "StringEquals": {"aws:SourceVpce": ["vpce-01234567"]},
                # With a VPC endpoint, this condition key has the caller's IP address.
                "IpAddress": {"aws:VpcSourceIp": ["10.0.0.0/8"]},
            },
        ),
    ],
)
def test_the_api_is_restricted_to_the_configured_networks(options: str, conditions: dict[str, Any]) -> None:
    policy = resource_policy(parse_config(f"APIGW: {options}", "x").apigw)
    assert policy is not None
    (statement,) = policy.to_json()["Statement"]
    assert (statement["Effect"], statement["Action"]) == ("Allow", "execute-api:Invoke")
    assert statement["Condition"] == conditions


@pytest.mark.parametrize("options", ["everything", "private"])
def test_the_api_has_the_policy(request: pytest.FixtureRequest, options: str) -> None:
    assert request.getfixturevalue(options).one("AWS::ApiGateway::RestApi")["Policy"]["Statement"]


def test_a_private_endpoint_is_behind_the_endpoints_that_are_named(private: Template) -> None:
    assert private.one("AWS::ApiGateway::RestApi")["EndpointConfiguration"] == {
        "Types": ["PRIVATE"],
        "VpcEndpointIds": ["vpce-01234567", "vpce-12345678"],
    }


def test_the_web_acl_blocks_an_ip_address_above_its_rate_limit(everything: Template) -> None:
    acl = everything.one("AWS::WAFv2::WebACL")
    (rule,) = acl["Rules"]
    assert rule["Action"] == {"Block": {}}
    assert rule["Statement"] == {
        "RateBasedStatement": {"AggregateKeyType": "IP", "EvaluationWindowSec": 300, "Limit": 9000}
    }
    stage = next(name for name, one in everything.resources.items() if one["Type"] == "AWS::ApiGateway::Stage")
    arn = everything.one("AWS::WAFv2::WebACLAssociation")["ResourceArn"]["Fn::Join"][1]
    assert arn[-2:] == ["/stages/", {"Ref": stage}]


def test_the_web_acl_keeps_no_sample_of_a_request_which_would_have_its_key(everything: Template) -> None:
    acl = everything.one("AWS::WAFv2::WebACL")
    for visibility in (acl["VisibilityConfig"], acl["Rules"][0]["VisibilityConfig"]):
        assert visibility["SampledRequestsEnabled"] is False


def test_the_canary_moves_the_alias_that_the_api_calls(everything: Template) -> None:
    (alias_id,) = [name for name, one in everything.resources.items() if one["Type"] == "AWS::Lambda::Alias"]
    update = everything.resources[alias_id]["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
    group = everything.resources[update["DeploymentGroupName"]["Ref"]]["Properties"]
    assert group["DeploymentConfigName"] == "CodeDeployDefault.LambdaCanary10Percent10Minutes"
    uris = [everything.methods()[route]["Integration"]["Uri"] for route in ROUTES]
    assert all({"Ref": alias_id} in uri["Fn::Join"][1] for uri in uris)
    assert everything.one("AWS::Lambda::Permission")["FunctionName"] == {"Ref": alias_id}


def test_the_canary_is_rolled_back_when_the_api_returns_5xx(everything: Template) -> None:
    group = everything.one("AWS::CodeDeploy::DeploymentGroup")
    assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
    (alarm,) = group["AlarmConfiguration"]["Alarms"]
    watched = everything.resources[alarm["Name"]["Ref"]]["Properties"]
    assert (watched["MetricName"], watched["Statistic"], watched["TreatMissingData"]) == (
        "5XXError",
        "Average",
        "notBreaching",
    )
    assert watched["Dimensions"] == [{"Name": "ApiName", "Value": everything.one("AWS::ApiGateway::RestApi")["Name"]}]
    assert watched["Threshold"] < 0.1  # a tenth of the requests sees the new version


def test_there_is_no_alias_without_a_canary(template: Template) -> None:
    for kind in (
        "AWS::Lambda::Alias",
        "AWS::Lambda::Version",
        "AWS::CodeDeploy::Application",
        "AWS::CloudWatch::Alarm",
    ):
        assert template.all(kind) == []


def findings(app: cdk.App) -> str:
    """The cdk-nag findings of an app that has not been synthesized."""
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    try:
        app.synth()
    except RuntimeError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("config", [CONFIG, EVERYTHING, PRIVATE], ids=["some", "everything", "private"])
def test_cdk_nag_has_no_finding_that_is_not_acknowledged(synth_app: Callable[[], cdk.App], config: str) -> None:
    app = synth_app()
    task_api(app, config)
    assert findings(app) == ""


def test_cdk_nag_would_find_what_is_not_acknowledged(synth_app: Callable[[], cdk.App]) -> None:
    app = synth_app()
    statement = iam.PolicyStatement(actions=["s3:GetObject"], resources=["*"])
    task_api(app, EVERYTHING).handler.role.add_to_policy(statement)
    assert "AwsSolutions-IAM5[Resource::*]" in findings(app)


@pytest.mark.parametrize("options", ["everything", "private", "template"])
def test_cfn_lint_has_no_finding(request: pytest.FixtureRequest, options: str) -> None:
    linted: Template = request.getfixturevalue(options)
    # W3005: a DependsOn that a reference makes redundant. The CDK adds them, and they are harmless.
    config = ManualArgs(regions=["us-east-1"], ignore_checks=["W3005"])
    assert lint(json.dumps(linted.json), config=config) == []


def test_the_bound_on_resources_counts_every_option(everything: Template, template: Template) -> None:
    bounds = [most_resources(parse_config(text.partition("modelsRuntime")[0], "x")) for text in (EVERYTHING, CONFIG)]
    # Runtimes create no resources here.
    assert len(everything.resources) - len(template.resources) <= bounds[0] - bounds[1]
