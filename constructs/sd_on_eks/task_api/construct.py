"""The HTTP API."""

import json
from pathlib import Path
from typing import Final, cast

from aws_cdk import CfnResource, Duration, Fn, RemovalPolicy
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct

from sd_on_eks.acknowledgment import acknowledge
from sd_on_eks.config.gateway import ApiGateway
from sd_on_eks.config.models import Config
from sd_on_eks.function import HandlerFunction, handler_code
from sd_on_eks.task_api.gateway_responses import add_gateway_responses

_HANDLER: Final = Path(__file__).parent / "handler"
_TIMEOUT: Final = Duration.seconds(28)
"""One second less than API Gateway waits, so that a late answer is ours and in the contract's words."""

_ACCESS_LOG_FIELDS: Final = {
    "requestId": "$context.requestId",
    "requestTime": "$context.requestTime",
    "httpMethod": "$context.httpMethod",
    "resourcePath": "$context.resourcePath",
    "status": "$context.status",
    "responseLength": "$context.responseLength",
    "responseLatency": "$context.responseLatency",
    "integrationLatency": "$context.integration.latency",
    "apiKeyId": "$context.identity.apiKeyId",
    "errorType": "$context.error.responseType",
}
"""No header, no body, no key, no query: what a caller sent is not logged."""

_LOGGING_POLICY: Final = "AmazonAPIGatewayPushToCloudWatchLogs"

API_KEY_LOGICAL_ID: Final = "defaultAPIKey"
"""CloudFormation names the key after it: `<6 letters of the stack>-defau-<random>`, as the user documentation shows."""


class TaskApi(Construct):
    """REST API, stage, key, usage plan, and the function behind them.

    Args:
        scope: the stack.
        construct_id: `TaskApi`.
        config: the whole configuration: the API's own section, and the runtimes that it knows.
        table: the task table.
        output_bucket: where results and large request bodies are.

    Attributes:
        rest_api: the API.
        api_key: the key.
        usage_plan: the plan, with the configured throttle.
        handler: the function.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: Config,
        table: dynamodb.ITable,
        output_bucket: s3.IBucket,
    ) -> None:
        super().__init__(scope, construct_id)
        self.handler: HandlerFunction = self._build_handler(config, table, output_bucket)
        self.rest_api: apigateway.RestApi = self._build_rest_api(config.apigw)
        self._build_methods()
        add_gateway_responses(Construct(self, "GatewayResponses"), self.rest_api)
        self.api_key: apigateway.ApiKey = self._build_api_key()
        self.usage_plan: apigateway.UsagePlan = self._build_usage_plan(config.apigw)
        self._acknowledge()

    @property
    def endpoint_url(self) -> str:
        """Where tasks are submitted, with the slash at its end."""
        return self.rest_api.url

    @property
    def get_api_key_command(self) -> str:
        """Shell command that shows the API key."""
        return f"aws apigateway get-api-key --api-key {self.api_key.key_id} --include-value --query value --output text"

    def _build_handler(self, config: Config, table: dynamodb.ITable, output_bucket: s3.IBucket) -> HandlerFunction:
        with handler_code(_HANDLER) as code:
            handler = HandlerFunction(
                self,
                "Handler",
                code=code,
                handler=f"{_HANDLER.name}.app.lambda_handler",
                environment={
                    "TASK_TABLE_NAME": table.table_name,
                    "OUTPUT_BUCKET_NAME": output_bucket.bucket_name,
                    "RUNTIMES": json.dumps(
                        [
                            {
                                "name": runtime.name,
                                "type": runtime.type,
                                "model_filename": runtime.model_filename,
                                "dynamic_model": runtime.dynamic_model,
                            }
                            for runtime in config.models_runtime
                        ]
                    ),
                    "MAX_TASK_AGE_S": str(round(config.task_protocol.times.max_task_age_s)),
                    "TENANT_ISOLATION": "true" if config.apigw.tenant_isolation else "false",
                },
                timeout=_TIMEOUT,
                description="Submits tasks and shows them",
            )
        payloads, results = output_bucket.arn_for_objects("payloads/*"), output_bucket.arn_for_objects("*")
        for statement in (
            iam.PolicyStatement(
                sid="Tasks", actions=["dynamodb:PutItem", "dynamodb:Query"], resources=[table.table_arn]
            ),
            iam.PolicyStatement(sid="ParkBodies", actions=["s3:PutObject"], resources=[payloads]),
            # A presigned link carries the rights of whoever signed it.
            iam.PolicyStatement(sid="HandOutResults", actions=["s3:GetObject"], resources=[results]),
        ):
            handler.role.add_to_policy(statement)
        handler.acknowledge_wildcards(
            [payloads, results], reason="Bodies are named by their hash, results by the callers' prefixes."
        )
        return handler

    def _build_rest_api(self, config: ApiGateway) -> apigateway.RestApi:
        access_log = logs.LogGroup(
            self, "AccessLogGroup", retention=logs.RetentionDays.ONE_MONTH, removal_policy=RemovalPolicy.DESTROY
        )
        api = apigateway.RestApi(
            self,
            "RestApi",
            description="Stable Diffusion on EKS: tasks in, pictures out",
            endpoint_configuration=apigateway.EndpointConfiguration(types=[apigateway.EndpointType.REGIONAL]),
            # Without the account's logging role, a stage that logs cannot be deployed to a fresh account. The role is
            # the account's, so it outlives the stack.
            cloud_watch_role=config.cloud_watch_role,
            cloud_watch_role_removal_policy=RemovalPolicy.RETAIN if config.cloud_watch_role else None,
            deploy_options=apigateway.StageOptions(
                stage_name=config.stage_name,
                access_log_destination=apigateway.LogGroupLogDestination(access_log),
                access_log_format=apigateway.AccessLogFormat.custom(json.dumps(_ACCESS_LOG_FIELDS)),
                logging_level=apigateway.MethodLoggingLevel.ERROR,
                data_trace_enabled=False,
                metrics_enabled=True,
            ),
        )
        # The library's own output repeats the stack's `FrontApiEndpoint`.
        api.node.try_remove_child("Endpoint")
        execution_log = logs.LogGroup(
            self,
            "ExecutionLogGroup",
            # API Gateway writes to this name, and would make the group itself, without retention.
            log_group_name=Fn.join("", ["API-Gateway-Execution-Logs_", api.rest_api_id, "/", config.stage_name]),
            retention=logs.RetentionDays.ONE_MONTH,
            removal_policy=RemovalPolicy.DESTROY,
        )
        api.deployment_stage.node.add_dependency(execution_log)
        return api

    def _build_methods(self) -> None:
        integration = apigateway.LambdaIntegration(
            self.handler.function,
            # One permission for the whole API instead of one a method.
            scope_permission_to_method=False,
        )
        v1alpha2 = self.rest_api.root.add_resource("v1alpha2")
        for resource, method in (
            (self.rest_api.root.add_resource("v1alpha1"), "POST"),
            (v1alpha2, "POST"),
            (v1alpha2.add_resource("tasks").add_resource("{id}"), "GET"),
        ):
            resource.add_method(method, integration, api_key_required=True)

    def _build_api_key(self) -> apigateway.ApiKey:
        key = apigateway.ApiKey(self, "ApiKey", description="The deployment's own key")
        cast("CfnResource", key.node.default_child).override_logical_id(API_KEY_LOGICAL_ID)
        return key

    def _build_usage_plan(self, config: ApiGateway) -> apigateway.UsagePlan:
        plan = apigateway.UsagePlan(
            self,
            "UsagePlan",
            throttle=apigateway.ThrottleSettings(
                rate_limit=config.throttle.rate_limit, burst_limit=config.throttle.burst_limit
            ),
            api_stages=[apigateway.UsagePlanPerApiStage(api=self.rest_api, stage=self.rest_api.deployment_stage)],
        )
        plan.add_api_key(self.api_key)
        return plan

    def _acknowledge(self) -> None:
        acknowledge(
            self.rest_api,
            ["AwsSolutions-APIG2"],
            reason="Requests are validated in the handler: a gateway validator would answer off the contract.",
        )
        acknowledge(
            self.rest_api,
            ["AwsSolutions-APIG4", "AwsSolutions-COG4"],
            reason="API keys are the documented contract; every method requires one.",
        )
        acknowledge(
            self.rest_api,
            ["AwsSolutions-APIG3"],
            reason="A web ACL costs idle money; the usage plan limits each key.",
        )
        acknowledge(
            self.rest_api,
            [f"AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/{_LOGGING_POLICY}]"],
            reason="The account's logging role: API Gateway documents this policy for it.",
        )
