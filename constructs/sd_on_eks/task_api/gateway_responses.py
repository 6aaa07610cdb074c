"""What API Gateway answers by itself, in the contract's words."""

import json
from dataclasses import dataclass
from typing import Final

from aws_cdk import aws_apigateway as apigateway
from constructs import Construct

from sd_on_eks.config.gateway import Cors


@dataclass(frozen=True, slots=True)
class GatewayAnswer:
    """An answer of the gateway.

    Attributes:
        construct_id: PascalCase.
        type: what happened, in API Gateway's terms.
        status: HTTP status; `None` keeps the gateway's own.
        code: the contract's word.
        message: what is wrong and what to do; `None` gives the gateway's own words.
        retry_after_s: when to send the request again, where that helps.
    """

    construct_id: str
    type: apigateway.ResponseType
    status: int | None
    code: str
    message: str | None = None
    retry_after_s: int | None = None


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
    # Of what is over 10 MB it is reported that no response applies: scripts/test_api.py --conformance looks.
    GatewayAnswer(
        "TooLarge",
        _TYPE.REQUEST_TOO_LARGE,
        413,
        "too_large",
        "the body is too large: 4 MiB are always taken; put a larger one by way of POST /v1alpha2/uploads",
    ),
    GatewayAnswer(
        "AccessDenied",
        _TYPE.ACCESS_DENIED,
        403,
        "access_denied",
        "the API does not answer to callers from this network",
    ),
    GatewayAnswer(
        "WafFiltered",
        _TYPE.WAF_FILTERED,
        403,
        "access_denied",
        "this address sends too many requests, or one that is not let through; wait some minutes",
    ),
    GatewayAnswer("Throttled", _TYPE.THROTTLED, 429, "throttled", "too many requests; send it again a second later", 1),
    GatewayAnswer(
        "QuotaExceeded",
        _TYPE.QUOTA_EXCEEDED,
        429,
        "quota_exceeded",
        "the quota of this key is used up until its next period begins",
        3600,
    ),
    GatewayAnswer(
        "IntegrationTimeout", _TYPE.INTEGRATION_TIMEOUT, 504, "timeout", "no answer in time; send the request again", 1
    ),
    GatewayAnswer(
        "IntegrationFailure", _TYPE.INTEGRATION_FAILURE, 502, "internal", "our fault; the request may be sent again", 1
    ),
    GatewayAnswer("Default4xx", _TYPE.DEFAULT_4_XX, None, "invalid_request"),
    GatewayAnswer("Default5xx", _TYPE.DEFAULT_5_XX, None, "internal", "our fault; the request may be sent again", 1),
)


def add_gateway_responses(scope: Construct, api: apigateway.RestApi, cors: Cors) -> None:
    """Give every answer of the gateway the contract's shape.

    Args:
        scope: a construct for nothing else.
        api: the API.
        cors: web pages that may read the answers.
    """
    for answer in ANSWERS:
        apigateway.GatewayResponse(
            scope,
            answer.construct_id,
            rest_api=api,
            type=answer.type,
            status_code=None if answer.status is None else str(answer.status),
            response_headers=_headers(answer, cors) or None,
            templates={"application/json": _template(answer)},
        )


def _headers(answer: GatewayAnswer, cors: Cors) -> dict[str, str]:
    """Names and values; constants stand in quotes of their own."""
    headers: dict[str, str] = {}
    if answer.retry_after_s is not None:
        headers["Retry-After"] = f"'{answer.retry_after_s}'"
    if cors.allow_origins:
        # The gateway can name one origin only. With several it is any: an error holds nothing of anybody's.
        headers["Access-Control-Allow-Origin"] = f"'{cors.allow_origins[0] if len(cors.allow_origins) == 1 else '*'}'"
        headers["Access-Control-Expose-Headers"] = "'Retry-After'"
    return headers


def _template(answer: GatewayAnswer) -> str:
    # $context.error.messageString brings its own quotes.
    message = "$context.error.messageString" if answer.message is None else json.dumps(answer.message)
    return f'{{"error":{{"code":"{answer.code}","message":{message},"request_id":"$context.requestId"}}}}'
