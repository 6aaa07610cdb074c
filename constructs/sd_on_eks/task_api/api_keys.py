"""API keys and their usage plans."""

from typing import Final, cast

from aws_cdk import CfnOutput, CfnResource, Stack
from aws_cdk import aws_apigateway as apigateway
from constructs import Construct

from sd_on_eks.config.gateway import Plan, Quota, Throttle
from sd_on_eks.task_api import logical_ids

_PERIODS: Final = {
    "day": apigateway.Period.DAY,
    "week": apigateway.Period.WEEK,
    "month": apigateway.Period.MONTH,
}


def build_default_key(scope: Construct) -> apigateway.ApiKey:
    """Create the default API key of the deployment."""
    key = apigateway.ApiKey(scope, "ApiKey", description="Default API key of the deployment")
    cast("CfnResource", key.node.default_child).override_logical_id(logical_ids.API_KEY)
    return key


class PlanKey(Construct):
    """The API key of a plan, named `<stack>-<plan>`, and an output with the command that shows it.

    The usage plan is added later with `limit`: it needs the API, the API needs the function, and the function's
    environment has the id of the key.

    Args:
        scope: a construct that contains only plans.
        construct_id: name of the plan.
        plan: section of the plan in the configuration.

    Attributes:
        key: the API key.
    """

    def __init__(self, scope: Construct, construct_id: str, *, plan: Plan) -> None:
        super().__init__(scope, construct_id)
        self._plan = plan
        self.key: apigateway.IApiKey = apigateway.ApiKey(
            self,
            "ApiKey",
            api_key_name=f"{Stack.of(self).stack_name}-{plan.name}",
            description=f"API key of the plan {plan.name}",
        )
        CfnOutput(
            self,
            "GetAPIKeyCommand",
            value=get_api_key_command(self.key),
            description=f"Command that shows the API key of the plan {plan.name}",
        )

    def limit(self, api: apigateway.RestApi) -> None:
        """Add the usage plan."""
        build_usage_plan(self, api, self.key, throttle=self._plan.throttle, quota=self._plan.quota)


def build_usage_plan(
    scope: Construct,
    api: apigateway.RestApi,
    key: apigateway.IApiKey,
    *,
    throttle: Throttle,
    quota: Quota | None = None,
) -> apigateway.UsagePlan:
    """Create the usage plan of a key. Its limits apply to all methods together.

    Args:
        scope: the construct of the API or of the plan.
        api: the API.
        key: the API key.
        throttle: rate limit and burst limit.
        quota: number of requests in a period.
    """
    plan = apigateway.UsagePlan(
        scope,
        "UsagePlan",
        throttle=apigateway.ThrottleSettings(rate_limit=throttle.rate_limit, burst_limit=throttle.burst_limit),
        quota=None if quota is None else apigateway.QuotaSettings(limit=quota.limit, period=_PERIODS[quota.period]),
        api_stages=[apigateway.UsagePlanPerApiStage(api=api, stage=api.deployment_stage)],
    )
    plan.add_api_key(key)
    return plan


def get_api_key_command(key: apigateway.IApiKey) -> str:
    """Shell command that shows the value of an API key."""
    return f"aws apigateway get-api-key --api-key {key.key_id} --include-value --query value --output text"
