"""Entry point: routes, wiring, and the one place where an error becomes an answer."""

import json
import os
import time
from collections.abc import Callable
from functools import cache
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from task_record import table
from task_record.identifiers import is_task_id

from .body import Body, header, read_body
from .clients import dynamodb_client, s3_client
from .errors import ApiError, cause_of, invalid, not_found
from .payload_store import PayloadStore
from .runtimes import Runtimes
from .settings import Settings
from .submit import Submitter
from .task_request import TaskRequest
from .task_store import TaskStore
from .task_view import task_view
from .v1alpha1 import read_v1alpha1
from .v1alpha2 import read_v1alpha2

logger = Logger()
metrics = Metrics()
app = APIGatewayRestResolver()

Read = Callable[..., TaskRequest]


class _Service:
    """Everything that a request needs, made once a process."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.store = TaskStore(dynamodb_client, settings.table_name)
        self.payloads = PayloadStore(s3_client, settings.output_bucket)
        self.submitter = Submitter(self.store, self.payloads)

    @property
    def runtimes(self) -> Runtimes:
        return self.settings.runtimes


@cache
def _service() -> _Service:
    return _Service(Settings.from_environment(os.environ))


@app.post("/v1alpha1")
def post_v1alpha1() -> Response[str]:
    """Submit a body of the SD Web UI's own API."""
    return _submit(read_v1alpha1)


@app.post("/v1alpha2")
def post_v1alpha2() -> Response[str]:
    """Submit a task."""
    return _submit(read_v1alpha2)


@app.get("/v1alpha2/tasks/<task_id>")
def get_task(task_id: str) -> Response[str]:
    """Show a task: the newest of this id, or the one that `?submission=` names."""
    service = _service()
    submission = (app.current_event.query_string_parameters or {}).get("submission")
    if submission is not None and not submission.isalnum():
        raise invalid("submission", f"must be letters and digits, got {submission[:60]!r}")
    record = None
    if is_task_id(task_id):
        record = service.store.newest(_owner(service), task_id, submission)
    if record is None or (submission is not None and record[table.SUBMISSION] != submission):
        raise not_found("unknown_task", f"there is no task {task_id[:140]!r}")
    metrics.add_metric(name="Shown", unit=MetricUnit.Count, value=1)
    return _answer(HTTPStatus.OK, task_view(record, service.payloads, now_ms=_now_ms()))


def _submit(read: Read) -> Response[str]:
    service = _service()
    event = app.current_event.raw_event
    body: Body = read_body(event)
    now_ms = _now_ms()
    request = read(body, service.runtimes, now_ms=now_ms, max_age_s=service.settings.max_task_age_s)
    answer = service.submitter.submit(
        request,
        body,
        owner=_owner(service),
        api_key_id=_api_key_id(),
        idempotency_key=header(event, "idempotency-key"),
        now_ms=now_ms,
    )
    logger.info("task submitted", extra={"task_id": request.id, "runtime": request.runtime.name})
    metrics.add_metric(name="Submitted", unit=MetricUnit.Count, value=1)
    return _answer(HTTPStatus.OK, answer)


def _owner(service: _Service) -> str:
    return _api_key_id() if service.settings.tenant_isolation else table.NO_OWNER


def _api_key_id() -> str:
    identity = app.current_event.raw_event["requestContext"].get("identity") or {}
    return identity.get("apiKeyId") or table.NO_OWNER


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _request_id() -> str:
    return str(app.current_event.raw_event.get("requestContext", {}).get("requestId", ""))


def _answer(status: HTTPStatus, body: dict[str, Any], headers: dict[str, str] | None = None) -> Response[str]:
    return Response(
        status_code=int(status), content_type="application/json", body=json.dumps(body), headers=dict(headers or {})
    )


def _refused(error: ApiError) -> Response[str]:
    headers = {"Retry-After": str(error.retry_after_s)} if error.retry_after_s is not None else {}
    told = {"status": int(error.status), "code": error.code, "field": error.field}
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.error("request failed", extra={**told, "cause": cause_of(error)})
    else:
        logger.info("request refused", extra=told)
    metrics.add_metric(name="Refused", unit=MetricUnit.Count, value=1)
    return _answer(error.status, error.body(_request_id()), headers)


def _no_route(_error: Exception) -> Response[str]:
    return _refused(not_found("unknown_route", f"there is no {app.current_event.http_method} {app.current_event.path}"))


app.exception_handler(ApiError)(_refused)
app.not_found(_no_route)


@metrics.log_metrics
@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Entry point."""
    try:
        return app.resolve(event, context)
    except Exception as error:
        # The outermost place: whatever was not foreseen is our fault, is logged without the request, and is told so.
        logger.exception("unhandled error", exc_info=error)
        metrics.add_metric(name="Unhandled", unit=MetricUnit.Count, value=1)
        internal = ApiError(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "our fault; the request may be sent again")
        request_id = str(event.get("requestContext", {}).get("requestId", ""))
        return {
            "statusCode": int(internal.status),
            "headers": {"Content-Type": "application/json"},
            "body": json.dumps(internal.body(request_id)),
            "isBase64Encoded": False,
        }
