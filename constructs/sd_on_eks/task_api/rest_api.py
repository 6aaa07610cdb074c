"""The REST API with its stage, logs and routes."""

import json
from typing import Final

from aws_cdk import Aws, Duration, Fn, RemovalPolicy
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_logs as logs
from constructs import Construct

from sd_on_eks.config.gateway import ApiGateway
from sd_on_eks.nag import acknowledge
from sd_on_eks.task_api.access import endpoint_configuration, resource_policy
from sd_on_eks.task_api.contract.operations import OPERATIONS

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
"""Without headers, bodies, API keys and query strings: data of callers is not logged."""

_LOGGING_POLICY: Final = "AmazonAPIGatewayPushToCloudWatchLogs"

_PREFLIGHT_MAX_AGE: Final = Duration.hours(1)
_SENT_HEADERS: Final = ["Content-Type", "Idempotency-Key", "X-Api-Key"]
_READ_HEADERS: Final = ["Retry-After"]


def build_rest_api(scope: Construct, config: ApiGateway) -> apigateway.RestApi:
    """Create the API, its stage and its logs, without routes and gateway responses.

    Args:
        scope: the construct of the API.
        config: the section `APIGW` of the configuration.
    """
    access_log = logs.LogGroup(
        scope, "AccessLogGroup", retention=logs.RetentionDays.ONE_MONTH, removal_policy=RemovalPolicy.DESTROY
    )
    limit = config.method_throttle
    api = apigateway.RestApi(
        scope,
        "RestApi",
        # Metrics of the API have only its name as dimension, so it must be unique in the account and region.
        rest_api_name=Aws.STACK_NAME,
        description="Stable Diffusion on EKS: task API",
        endpoint_configuration=endpoint_configuration(scope, config),
        policy=resource_policy(config),
        # A stage with logs cannot be deployed to an account that has no logging role for API Gateway. The role is
        # shared by all APIs of the account, so it is retained when the stack is deleted.
        cloud_watch_role=config.cloud_watch_role,
        cloud_watch_role_removal_policy=RemovalPolicy.RETAIN if config.cloud_watch_role else None,
        deploy_options=apigateway.StageOptions(
            stage_name=config.stage_name,
            access_log_destination=apigateway.LogGroupLogDestination(access_log),
            access_log_format=apigateway.AccessLogFormat.custom(json.dumps(_ACCESS_LOG_FIELDS)),
            logging_level=apigateway.MethodLoggingLevel.ERROR,
            data_trace_enabled=False,
            metrics_enabled=True,
            throttling_rate_limit=None if limit is None else limit.rate_limit,
            throttling_burst_limit=None if limit is None else limit.burst_limit,
        ),
    )
    # The output of the CDK construct is the same as the stack output `FrontApiEndpoint`.
    api.node.try_remove_child("Endpoint")
    execution_log = logs.LogGroup(
        scope,
        "ExecutionLogGroup",
        # API Gateway writes to this log group. If it does not exist, it creates it without retention.
        log_group_name=Fn.join("", ["API-Gateway-Execution-Logs_", api.rest_api_id, "/", config.stage_name]),
        retention=logs.RetentionDays.ONE_MONTH,
        removal_policy=RemovalPolicy.DESTROY,
    )
    api.deployment_stage.node.add_dependency(execution_log)
    _acknowledge(api)
    return api


def add_routes(api: apigateway.RestApi, integration: apigateway.Integration, config: ApiGateway) -> None:
    """Add the methods of the contract, which require an API key, and CORS preflight methods.

    Args:
        api: the API.
        integration: the integration with the function.
        config: the section `APIGW` of the configuration.
    """
    # Sorted, so that the resource of a path is created after those of its parents.
    for operation in sorted(OPERATIONS, key=lambda one: one.path):
        resource = api.root.resource_for_path(operation.path)
        resource.add_method(operation.method, integration, api_key_required=True)
        if config.cors.allow_origins:
            preflight = resource.add_cors_preflight(
                allow_origins=list(config.cors.allow_origins),
                allow_methods=[operation.method],
                allow_headers=_SENT_HEADERS,
                expose_headers=_READ_HEADERS,
                max_age=_PREFLIGHT_MAX_AGE,
            )
            acknowledge(
                preflight,
                ["AwsSolutions-APIG4", "AwsSolutions-COG4"],
                reason="A preflight request of a browser has neither an API key nor other credentials.",
            )


def _acknowledge(api: apigateway.RestApi) -> None:
    acknowledge(
        api,
        ["AwsSolutions-APIG2"],
        reason="The handler validates requests: errors of a gateway validator would not follow the contract.",
    )
    acknowledge(
        api,
        ["AwsSolutions-APIG4", "AwsSolutions-COG4"],
        reason="API keys are the documented contract; every method requires one.",
    )
    acknowledge(
        api,
        [f"AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/{_LOGGING_POLICY}]"],
        reason="API Gateway documents this policy for the logging role of the account.",
    )
