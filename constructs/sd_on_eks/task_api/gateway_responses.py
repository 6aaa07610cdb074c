"""What API Gateway answers by itself, in the contract's words."""

import json
from dataclasses import dataclass
from typing import Final

from aws_cdk import aws_apigateway as apigateway
from constructs import Construct


@dataclass(frozen=True, slots=True)
class GatewayAnswer:
    """An answer of the gateway.

    Attributes:
        construct_id: PascalCase.
        type: what happened, in API Gateway's terms.
        status: HTTP status; `None` keeps the gateway's own.
        code: the contract's word.
        message: what is wrong and what to do; `None` gives the gateway's own words.
    """

    construct_id: str
    type: apigateway.ResponseType
    status: int | None
    code: str
    message: str | None = None


_TYPE: Final = apigateway.ResponseType

# https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
ANSWERS: Final = (
    GatewayAnswer("InvalidApiKey", _TYPE.INVALID_API_KEY, 401, "unauthorized", "x-api-key is missing or wrong"),
    GatewayAnswer("Unauthorized", _TYPE.UNAUTHORIZED, 401, "unauthorized", "x-api-key is missing or wrong"),
    # An unknown route is reported under this name, whether or not a token came.
    GatewayAnswer(
        "UnknownRoute", _TYPE.MISSING_AUTHENTICATION_TOKEN, 404, "unknown_route", "there is no such method and path"
    ),
    GatewayAnswer("NotFound", _TYPE.RESOURCE_NOT_FOUND, 404, "unknown_route", "there is no such method and path"),
    GatewayAnswer(
        "UnsupportedMediaType",
        _TYPE.UNSUPPORTED_MEDIA_TYPE,
        415,
        "unsupported_media_type",
        "Content-Type must be application/json",
    ),
    GatewayAnswer(
        "TooLarge",
        _TYPE.REQUEST_TOO_LARGE,
        413,
        "too_large",
        "the body is too large; send at most 4 MiB, with smaller images",
    ),
    GatewayAnswer("Throttled", _TYPE.THROTTLED, 429, "throttled", "too many requests; send it again a second later"),
    GatewayAnswer("QuotaExceeded", _TYPE.QUOTA_EXCEEDED, 429, "quota_exceeded", "the quota of this key is used up"),
    GatewayAnswer(
        "IntegrationTimeout", _TYPE.INTEGRATION_TIMEOUT, 504, "timeout", "no answer in time; send the request again"
    ),
    GatewayAnswer(
        "IntegrationFailure", _TYPE.INTEGRATION_FAILURE, 502, "internal", "our fault; the request may be sent again"
    ),
    GatewayAnswer("Default4xx", _TYPE.DEFAULT_4_XX, None, "invalid_request"),
    GatewayAnswer("Default5xx", _TYPE.DEFAULT_5_XX, None, "internal", "our fault; the request may be sent again"),
)


def add_gateway_responses(scope: Construct, api: apigateway.RestApi) -> None:
    """Give every answer of the gateway the contract's shape."""
    for answer in ANSWERS:
        apigateway.GatewayResponse(
            scope,
            answer.construct_id,
            rest_api=api,
            type=answer.type,
            status_code=None if answer.status is None else str(answer.status),
            templates={"application/json": _template(answer)},
        )


def _template(answer: GatewayAnswer) -> str:
    # $context.error.messageString brings its own quotes.
    message = "$context.error.messageString" if answer.message is None else json.dumps(answer.message)
    return f'{{"error":{{"code":"{answer.code}","message":{message},"request_id":"$context.requestId"}}}}'
