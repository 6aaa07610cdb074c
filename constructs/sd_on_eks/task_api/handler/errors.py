"""The errors that the API returns."""

from collections.abc import Iterable
from http import HTTPStatus

from botocore.exceptions import ClientError

from .nearest import nearest


class ApiError(Exception):
    """A response with a status other than 200.

    Attributes:
        status: HTTP status.
        code: error code of the contract.
        message: what is wrong, the value that was received, and what is allowed.
        field: path of the invalid field, such as `task.metadata.id`.
        retry_after_s: seconds to wait before a retry; `None` if a retry does not help.
    """

    def __init__(
        self,
        status: HTTPStatus,
        code: str,
        message: str,
        *,
        field: str | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.field = field
        self.retry_after_s = retry_after_s

    def body(self, request_id: str) -> dict[str, dict[str, str]]:
        """The contract's error body."""
        error = {"code": self.code, "message": self.message, "request_id": request_id}
        if self.field is not None:
            error["field"] = self.field
        return {"error": error}


def invalid(field: str, message: str) -> ApiError:
    """400: a field is invalid. A leading dot of its path is removed."""
    field = field.removeprefix(".")
    return ApiError(HTTPStatus.BAD_REQUEST, "invalid_request", f"{field}: {message}", field=field)


def not_found(code: str, message: str, *, field: str | None = None) -> ApiError:
    """404: the request refers to something that does not exist."""
    return ApiError(HTTPStatus.NOT_FOUND, code, message, field=field)


def unknown_route(route: str, routes: Iterable[str]) -> ApiError:
    """404: the API has no such method and path.

    Args:
        route: method and path, such as `GET /v1alpha2/tasks`.
        routes: those of the API.
    """
    return not_found(
        "unknown_route",
        f"method and path: must be an operation of this API, got {route[:140]!r}{nearest(route, routes)}",
    )


def unknown_task(task_id: str) -> ApiError:
    """404: the caller has no such task."""
    return not_found(
        "unknown_task",
        f"id: must be the id of one of your tasks, got {task_id[:140]!r}; GET /v1alpha2/tasks?runtime=NAME lists them",
    )


def task_ended(status: str) -> ApiError:
    """409: the task has completed or failed."""
    return ApiError(
        HTTPStatus.CONFLICT, "task_ended", f"status: must be queued or running to cancel a task, got {status}"
    )


def runtime_retired(runtime: str, field: str) -> ApiError:
    """409: the runtime finishes its tasks, and accepts no new ones."""
    return ApiError(
        HTTPStatus.CONFLICT,
        "runtime_retired",
        f"{field}: must be a runtime that accepts tasks, got {runtime!r}, which is retired and only finishes its "
        "tasks; use another runtime",
        field=field,
    )


def backlog_full(runtime: str, *, queued: int, wait_s: int) -> ApiError:
    """429: the queue of the runtime is full."""
    return ApiError(
        HTTPStatus.TOO_MANY_REQUESTS,
        "backlog_full",
        f"the queue of the runtime {runtime!r} is full with {queued} tasks; send the request again in about {wait_s} s",
        retry_after_s=wait_s,
    )


def unavailable() -> ApiError:
    """503: a service that the API uses is unavailable; a retry may succeed."""
    return ApiError(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "unavailable",
        "a service that the API uses is unavailable; send the request again",
        retry_after_s=1,
    )


def internal() -> ApiError:
    """500: an unexpected error; a retry may succeed."""
    return ApiError(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "internal",
        "internal error; send the request again",
        retry_after_s=1,
    )


def cause_of(error: ApiError) -> str | None:
    """The cause of an error for the log; without its message, which can quote the request."""
    cause = error.__cause__
    if isinstance(cause, ClientError):
        return f"{cause.operation_name}: {cause.response['Error']['Code']}"
    return None if cause is None else type(cause).__name__
