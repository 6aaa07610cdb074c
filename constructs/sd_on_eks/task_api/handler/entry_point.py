"""A request from API Gateway to its answer: logs, metrics, and the one place where an error becomes an answer."""

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
from .errors import ApiError, cause_of, internal, not_found
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
    """Make the handler.

    Args:
        settings: the settings.
        dynamodb: makes or gives the client, when it is first needed.
        s3: as above.
        now_ms: the time, epoch milliseconds.
    """
    routes = Operations(settings, dynamodb=dynamodb, s3=s3, now_ms=now_ms).routes
    responses = Responses(settings.allowed_origins)

    @metrics.log_metrics
    @logger.inject_lambda_context
    def lambda_handler(raw_event: dict[str, Any], context: LambdaContext) -> Response:  # noqa: ARG001 (Lambda's signature)
        event = ApiEvent(raw_event)
        try:
            if event.route not in routes:
                raise not_found("unknown_route", f"there is no {event.route}")  # noqa: TRY301 (one way for all errors)
            route = routes[event.route]
            body = route.run(event)
        except ApiError as error:
            _tell_refusal(error)
            return responses.refusal(event, error)
        except Exception as error:  # noqa: BLE001 (the outermost place: what nobody foresaw is our fault, and is told so)
            _tell_fault(error)
            return responses.refusal(event, internal())
        _count(route.metric)
        return responses.success(event, body)

    return lambda_handler


def _tell_refusal(error: ApiError) -> None:
    # Not the field: a caller's own names may stand in it, and so may a prompt that is in the wrong place.
    told = {"status": int(error.status), "code": error.code, "cause": cause_of(error)}
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.error("request failed", extra=told)
    else:
        logger.info("request refused", extra=told)
    _count("Refused")


def _tell_fault(error: Exception) -> None:
    # Not its message, which may quote the request.
    frames = walk_tb(error.__traceback__)
    places = [f"{PurePath(frame.f_code.co_filename).name}:{line} {frame.f_code.co_name}" for frame, line in frames]
    logger.error("unhandled error", extra={"exception_name": type(error).__name__, "places": places})
    _count("Unhandled")


def _count(name: str) -> None:
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=1)
