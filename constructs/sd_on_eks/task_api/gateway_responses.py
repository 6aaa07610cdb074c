"""The errors that API Gateway returns itself, with the error body of the contract."""

import json
from dataclasses import dataclass
from typing import Final

from aws_cdk import aws_apigateway as apigateway
from constructs import Construct

from sd_on_eks.config.gateway import Cors
from sd_on_eks.task_api.contract.operations import OPERATIONS


@dataclass(frozen=True, slots=True)
class GatewayError:
    """An error response of API Gateway.

    Attributes:
        construct_id: PascalCase.
        type: type of the gateway response.
        status: HTTP status; `None` for the default of API Gateway.
        code: error code of the contract.
        message: what is wrong and what to do; `None` for the message of API Gateway.
        retry_after_s: seconds to wait before a retry; `None` if a retry does not help.
    """

    construct_id: str
    type: apigateway.ResponseType
    status: int | None
    code: str
    message: str | None = None
    retry_after_s: int | None = None


_TYPE: Final = apigateway.ResponseType
_INVALID_KEY: Final = (
    "x-api-key: must be a valid API key, got none or an unknown one; the stack output GetAPIKeyCommand shows the key"
)
_UNKNOWN_ROUTE: Final = "method and path: must be an operation of this API; allowed: " + ", ".join(
    f"{operation.method} {operation.path}" for operation in OPERATIONS
)
_INTERNAL: Final = "internal error; send the request again"

# https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
GATEWAY_ERRORS: Final = (
    GatewayError("InvalidApiKey", _TYPE.INVALID_API_KEY, 401, "unauthorized", _INVALID_KEY),
    GatewayError("Unauthorized", _TYPE.UNAUTHORIZED, 401, "unauthorized", _INVALID_KEY),
    # API Gateway reports an unknown route as this type, whether or not the request has a token.
    GatewayError("UnknownRoute", _TYPE.MISSING_AUTHENTICATION_TOKEN, 404, "unknown_route", _UNKNOWN_ROUTE),
    GatewayError("NotFound", _TYPE.RESOURCE_NOT_FOUND, 404, "unknown_route", _UNKNOWN_ROUTE),
    GatewayError(
        "UnsupportedMediaType",
        _TYPE.UNSUPPORTED_MEDIA_TYPE,
        415,
        "unsupported_media_type",
        "Content-Type: must be application/json",
    ),
    # For a body over 10 MB, API Gateway is reported to ignore this response: scripts/test_api.py --conformance checks.
    GatewayError(
        "TooLarge",
        _TYPE.REQUEST_TOO_LARGE,
        413,
        "too_large",
        "body: must be smaller; 4 MiB are always accepted, and larger content by POST /v1alpha2/uploads",
    ),
    GatewayError(
        "AccessDenied",
        _TYPE.ACCESS_DENIED,
        403,
        "access_denied",
        "this network has no access to the API; ask the operator of the deployment for access",
    ),
    GatewayError(
        "WafFiltered",
        _TYPE.WAF_FILTERED,
        403,
        "access_denied",
        "this address sends too many requests, or the request is blocked; wait some minutes, then send it again",
    ),
    GatewayError("Throttled", _TYPE.THROTTLED, 429, "throttled", "too many requests; send it again after a second", 1),
    GatewayError(
        "QuotaExceeded",
        _TYPE.QUOTA_EXCEEDED,
        429,
        "quota_exceeded",
        "the quota of this API key is used up; wait until its next period starts",
        3600,
    ),
    GatewayError(
        "IntegrationTimeout", _TYPE.INTEGRATION_TIMEOUT, 504, "timeout", "no response in time; send it again", 1
    ),
    GatewayError("IntegrationFailure", _TYPE.INTEGRATION_FAILURE, 502, "internal", _INTERNAL, 1),
    GatewayError("Default4xx", _TYPE.DEFAULT_4_XX, None, "invalid_request"),
    GatewayError("Default5xx", _TYPE.DEFAULT_5_XX, None, "internal", _INTERNAL, 1),
)


def add_gateway_responses(scope: Construct, api: apigateway.RestApi, cors: Cors) -> None:
    """Give the errors of API Gateway the error body of the contract.

    Args:
        scope: a construct that contains only gateway responses.
        api: the API.
        cors: web pages that may read the responses.
    """
    for error in GATEWAY_ERRORS:
        apigateway.GatewayResponse(
            scope,
            error.construct_id,
            rest_api=api,
            type=error.type,
            status_code=None if error.status is None else str(error.status),
            response_headers=_headers(error, cors) or None,
            templates={"application/json": _template(error)},
        )


def _headers(error: GatewayError, cors: Cors) -> dict[str, str]:
    """Headers by name; API Gateway requires single quotes around a constant value."""
    headers: dict[str, str] = {}
    if error.retry_after_s is not None:
        headers["Retry-After"] = f"'{error.retry_after_s}'"
    if cors.allow_origins:
        # The header can have one constant origin only. Several become any origin, as an error has no caller's data.
        headers["Access-Control-Allow-Origin"] = f"'{cors.allow_origins[0] if len(cors.allow_origins) == 1 else '*'}'"
        headers["Access-Control-Expose-Headers"] = "'Retry-After'"
    return headers


def _template(error: GatewayError) -> str:
    # $context.error.messageString includes its quotes.
    message = "$context.error.messageString" if error.message is None else json.dumps(error.message)
    return f'{{"error":{{"code":"{error.code}","message":{message},"request_id":"$context.requestId"}}}}'
