"""What the API answers when it does not do what was asked."""

from http import HTTPStatus

from botocore.exceptions import ClientError


class ApiError(Exception):
    """An answer other than success.

    Attributes:
        status: HTTP status.
        code: one word of the documented list.
        message: what is wrong, what came, what is allowed.
        field: the field that is wrong, as a path such as `task.metadata.id`.
        retry_after_s: when to send the request again, where that helps.
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
    """400: a field is wrong; the dot before its path is left out."""
    field = field.removeprefix(".")
    return ApiError(HTTPStatus.BAD_REQUEST, "invalid_request", f"{field}: {message}", field=field)


def not_found(code: str, message: str, *, field: str | None = None) -> ApiError:
    """404: there is no such thing."""
    return ApiError(HTTPStatus.NOT_FOUND, code, message, field=field)


def unknown_task(task_id: str) -> ApiError:
    """404: the caller has no such task."""
    return not_found("unknown_task", f"there is no task {task_id[:140]!r}")


def task_ended(status: str) -> ApiError:
    """409: the task has ended, otherwise than by a cancel."""
    return ApiError(
        HTTPStatus.CONFLICT, "task_ended", f"the task is {status}; only a queued or running task can be cancelled"
    )


def runtime_retired(runtime: str, field: str) -> ApiError:
    """409: the runtime finishes the tasks that it has, and takes no further ones."""
    return ApiError(
        HTTPStatus.CONFLICT,
        "runtime_retired",
        f"{field}: must be a runtime that takes tasks; {runtime} is retired: it finishes what was accepted before",
        field=field,
    )


def backlog_full(runtime: str, *, queued: int, wait_s: int) -> ApiError:
    """429: as many tasks wait as may."""
    return ApiError(
        HTTPStatus.TOO_MANY_REQUESTS,
        "backlog_full",
        f"{queued} tasks wait for the runtime {runtime}, which is its limit; they take about {wait_s} s",
        retry_after_s=wait_s,
    )


def unavailable() -> ApiError:
    """503: a service that the API needs did not do its part; the request may be sent again."""
    return ApiError(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "unavailable",
        "the request could not be carried out this time; send it again",
        retry_after_s=1,
    )


def internal() -> ApiError:
    """500: something that nobody foresaw; the request may be sent again."""
    return ApiError(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "internal",
        "our fault; the request may be sent again",
        retry_after_s=1,
    )


def cause_of(error: ApiError) -> str | None:
    """What an operator should know of what made us fail: never its message, which may quote the request."""
    cause = error.__cause__
    if isinstance(cause, ClientError):
        return f"{cause.operation_name}: {cause.response['Error']['Code']}"
    return None if cause is None else type(cause).__name__
