"""Handles a request from API Gateway, with logs and metrics. All errors become error responses here."""

import time
from collections.abc import Callable
from http import HTTPStatus
from pathlib import PurePath
from traceback import walk_tb
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from .api_event import ApiEvent
from .clients import dynamodb_client, s3_client
from .errors import ApiError, cause_of, internal, unknown_route
from .operations import Operations
from .responses import Response, Responses
from .settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

logger = Logger()
metrics = Metrics()

LambdaHandler = Callable[[dict[str, Any], LambdaContext], Response]


def current_time_ms() -> int:
    """Epoch milliseconds."""
    return time.time_ns() // 1_000_000


def entry_point(
    settings: Settings,
    *,
    dynamodb: "Callable[[], DynamoDBClient]" = dynamodb_client,
    s3: "Callable[[], S3Client]" = s3_client,
    now_ms: Callable[[], int] = current_time_ms,
) -> LambdaHandler:
    """Create the handler.

    Args:
        settings: settings of the API.
        dynamodb: returns the client, and creates it when it is first needed.
        s3: returns the client, and creates it when it is first needed.
        now_ms: returns the current time, epoch milliseconds.
    """
    routes = Operations(settings, dynamodb=dynamodb, s3=s3, now_ms=now_ms).routes
    responses = Responses(settings.allowed_origins)

    @metrics.log_metrics
    @logger.inject_lambda_context
    def lambda_handler(raw_event: dict[str, Any], context: LambdaContext) -> Response:  # noqa: ARG001 (Lambda's signature)
        event = ApiEvent(raw_event)
        try:
            if event.route not in routes:
                raise unknown_route(event.route, routes)  # noqa: TRY301 (all errors are handled in one place)
            route = routes[event.route]
            body = route.run(event)
        except ApiError as error:
            _report_api_error(error)
            return responses.failure(event, error)
        except Exception as error:  # noqa: BLE001 (the outermost handler: an unexpected error becomes a 500 response)
            _report_unexpected_error(error)
            return responses.failure(event, internal())
        _count(route.metric)
        return responses.success(event, body)

    return lambda_handler


def _report_api_error(error: ApiError) -> None:
    # The field is not logged: it can contain names that the caller chose, or a prompt that is in the wrong place.
    properties = {"status": int(error.status), "code": error.code, "cause": cause_of(error)}
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.error("request failed", extra=properties)
    else:
        logger.info("request rejected", extra=properties)
    _count("Refused")


def _report_unexpected_error(error: Exception) -> None:
    # The message is not logged: it can quote the request.
    frames = walk_tb(error.__traceback__)
    places = [f"{PurePath(frame.f_code.co_filename).name}:{line} {frame.f_code.co_name}" for frame, line in frames]
    logger.error("unhandled error", extra={"exception_name": type(error).__name__, "places": places})
    _count("Unhandled")


def _count(name: str) -> None:
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=1)
