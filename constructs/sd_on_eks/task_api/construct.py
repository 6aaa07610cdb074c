"""The HTTP API."""

from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from constructs import Construct

from sd_on_eks.config.config import Config
from sd_on_eks.lambda_function.function import HandlerFunction
from sd_on_eks.nag import acknowledge
from sd_on_eks.task_api.api_function import build_api_function
from sd_on_eks.task_api.api_keys import PlanKey, build_default_key, build_usage_plan, get_api_key_command
from sd_on_eks.task_api.canary import build_alias, shift_gradually
from sd_on_eks.task_api.gateway_responses import add_gateway_responses
from sd_on_eks.task_api.rest_api import add_routes, build_rest_api
from sd_on_eks.task_api.web_acl import add_web_acl


class TaskApi(Construct):
    """REST API, stage, API keys, usage plans, and the Lambda function that handles the requests.

    Args:
        scope: the stack.
        construct_id: `TaskApi`.
        config: the whole configuration: the section of the API, and the runtimes.
        table: the task table.
        output_bucket: the bucket for results and large request bodies.

    Attributes:
        rest_api: the API.
        api_key: the default API key of the deployment.
        usage_plan: the usage plan of the default API key.
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
        self._config = config.apigw
        plans = Construct(self, "Plans")
        plan_keys = [PlanKey(plans, plan.name, plan=plan) for plan in self._config.plans]
        self.api_key: apigateway.ApiKey = build_default_key(self)
        self.handler: HandlerFunction = build_api_function(
            self,
            config,
            table=table,
            output_bucket=output_bucket,
            tenants={plan_key.key.key_id: plan_key.node.id for plan_key in plan_keys},
        )
        self.rest_api: apigateway.RestApi = build_rest_api(self, self._config)
        add_routes(self.rest_api, self._build_integration(), self._config)
        add_gateway_responses(Construct(self, "GatewayResponses"), self.rest_api, self._config.cors)
        self.usage_plan: apigateway.UsagePlan = build_usage_plan(
            self, self.rest_api, self.api_key, throttle=self._config.throttle
        )
        for plan_key in plan_keys:
            plan_key.limit(self.rest_api)
        self._protect()

    @property
    def endpoint_url(self) -> str:
        """URL of the API's stage, with a slash at the end."""
        return self.rest_api.url

    @property
    def get_api_key_command(self) -> str:
        """Shell command that shows the default API key."""
        return get_api_key_command(self.api_key)

    def _build_integration(self) -> apigateway.LambdaIntegration:
        function: lambda_.IFunction = self.handler.function
        if self._config.canary is not None:
            canary = Construct(self, "Canary")
            alias = build_alias(canary, self.handler.function)
            shift_gradually(canary, alias, self.rest_api, self._config.canary)
            function = alias
        # One permission for the whole API instead of one for each method.
        return apigateway.LambdaIntegration(function, scope_permission_to_method=False)

    def _protect(self) -> None:
        if self._config.web_acl is not None:
            add_web_acl(Construct(self, "WebAcl"), self.rest_api, self._config.web_acl)
        else:
            acknowledge(
                self.rest_api,
                ["AwsSolutions-APIG3"],
                reason="A web ACL has a monthly price, so APIGW.webAcl enables it; the usage plan limits each key.",
            )
