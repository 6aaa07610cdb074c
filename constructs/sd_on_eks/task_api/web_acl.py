"""A web ACL of AWS WAF in front of the API, which blocks addresses that send too many requests."""

from typing import Final

from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_wafv2 as wafv2
from constructs import Construct

from sd_on_eks.config.gateway import WebAcl

_WINDOW_S: Final = 300


def add_web_acl(scope: Construct, api: apigateway.RestApi, config: WebAcl) -> None:
    """Associate a web ACL with the stage of the API.

    Args:
        scope: the construct of the web ACL.
        api: the API.
        config: the section `webAcl` of the configuration.
    """
    acl = wafv2.CfnWebACL(
        scope,
        "WebAcl",
        description="Blocks addresses that send too many requests",
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
        # Sampled requests are stored with their headers, which include the API key.
        sampled_requests_enabled=False,
    )
