"""A web ACL in front of the API: addresses that send too much are refused before anything else looks at them."""

from typing import Final

from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_wafv2 as wafv2
from constructs import Construct

from sd_on_eks.config.gateway import WebAcl

_WINDOW_S: Final = 300


def add_web_acl(scope: Construct, api: apigateway.RestApi, config: WebAcl) -> None:
    """Put a web ACL in front of the API's stage.

    Args:
        scope: a construct for nothing else.
        api: the API.
        config: its section of the configuration.
    """
    acl = wafv2.CfnWebACL(
        scope,
        "WebAcl",
        description="Refuses addresses that send too many requests",
        scope="REGIONAL",
        default_action=wafv2.CfnWebACL.DefaultActionProperty(allow={}),
        visibility_config=_visibility("WebAcl"),
        rules=[
            wafv2.CfnWebACL.RuleProperty(
                name="RequestsPerAddress",
                priority=0,
                action=wafv2.CfnWebACL.RuleActionProperty(block={}),
                statement=wafv2.CfnWebACL.StatementProperty(
                    rate_based_statement=wafv2.CfnWebACL.RateBasedStatementProperty(
                        aggregate_key_type="IP",
                        limit=config.requests_per_5_minutes,
                        evaluation_window_sec=_WINDOW_S,
                    )
                ),
                visibility_config=_visibility("RequestsPerAddress"),
            )
        ],
    )
    wafv2.CfnWebACLAssociation(
        scope, "Association", resource_arn=api.deployment_stage.stage_arn, web_acl_arn=acl.attr_arn
    )


def _visibility(metric: str) -> wafv2.CfnWebACL.VisibilityConfigProperty:
    return wafv2.CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True,
        metric_name=metric,
        # A sample is kept with its headers, the key among them.
        sampled_requests_enabled=False,
    )
