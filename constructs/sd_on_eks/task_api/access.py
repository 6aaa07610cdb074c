"""Network access to the API: its endpoint type and its resource policy."""

from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from sd_on_eks.config.gateway import ApiGateway

_HTTPS = 443


def endpoint_configuration(scope: Construct, config: ApiGateway) -> apigateway.EndpointConfiguration:
    """A regional endpoint, or a private endpoint for the configured VPC endpoints.

    Args:
        scope: the construct of the API.
        config: the section `APIGW` of the configuration.
    """
    private = config.private_endpoint
    if private is None:
        return apigateway.EndpointConfiguration(types=[apigateway.EndpointType.REGIONAL])
    return apigateway.EndpointConfiguration(
        types=[apigateway.EndpointType.PRIVATE],
        vpc_endpoints=[
            ec2.InterfaceVpcEndpoint.from_interface_vpc_endpoint_attributes(
                scope, endpoint_id, port=_HTTPS, vpc_endpoint_id=endpoint_id
            )
            for endpoint_id in private.vpc_endpoint_ids
        ],
    )


def resource_policy(config: ApiGateway) -> iam.PolicyDocument | None:
    """The networks that may call the API, which is checked before the API key; `None` if there is no restriction.

    A private API rejects all requests without a policy, and has another condition key for the caller's IP address:
    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-resource-policies-aws-condition-keys.html
    """
    private, cidrs = config.private_endpoint, list(config.source_ip_cidrs)
    conditions: dict[str, dict[str, list[str]]] = {}
    if private is not None:
        conditions["StringEquals"] = {"aws:SourceVpce": list(private.vpc_endpoint_ids)}
    if cidrs:
        conditions["IpAddress"] = {"aws:SourceIp" if private is None else "aws:VpcSourceIp": cidrs}
    if not conditions:
        return None
    return iam.PolicyDocument(
        statements=[
            iam.PolicyStatement(
                principals=[iam.AnyPrincipal()],
                actions=["execute-api:Invoke"],
                resources=["execute-api:/*"],
                conditions=conditions,
            )
        ]
    )
