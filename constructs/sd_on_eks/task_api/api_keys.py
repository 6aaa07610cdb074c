"""API keys, and the usage plan of each."""

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
    """Make the deployment's own key."""
    key = apigateway.ApiKey(scope, "ApiKey", description="The deployment's own key")
    cast("CfnResource", key.node.default_child).override_logical_id(logical_ids.API_KEY)
    return key


class PlanKey(Construct):
    """The key of a plan, named `<stack>-<plan>`, with an output of the command that shows it.

    Its limits come later: the function's environment names the key, and a usage plan needs the API before the function.

    Args:
        scope: a construct for plans alone.
        construct_id: the plan's name.
        plan: its section of the configuration.

    Attributes:
        key: the key.
    """

    def __init__(self, scope: Construct, construct_id: str, *, plan: Plan) -> None:
        super().__init__(scope, construct_id)
        self._plan = plan
        self.key: apigateway.IApiKey = apigateway.ApiKey(
            self,
            "ApiKey",
            api_key_name=f"{Stack.of(self).stack_name}-{plan.name}",
            description=f"The key of the plan {plan.name}",
        )
        CfnOutput(
            self,
            "GetAPIKeyCommand",
            value=get_api_key_command(self.key),
            description=f"Shows the API key of the plan {plan.name}",
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
    """Make the usage plan of one key: its limits count over all methods.

    Args:
        scope: the API's construct, or the plan's.
        api: the API.
        key: the key.
        throttle: requests a second.
        quota: requests in a period.
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
    """Shell command that shows a key."""
    return f"aws apigateway get-api-key --api-key {key.key_id} --include-value --query value --output text"
