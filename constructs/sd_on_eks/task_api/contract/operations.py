"""The operations of the API: their parameters, requests and responses."""

from dataclasses import dataclass
from typing import Any, Final

from sd_on_eks.task_api.contract.schemas import Schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter in the path, the query or a header.

    Attributes:
        place: `path`, `query` or `header`; `in` of OpenAPI.
        description: description in Markdown.
    """

    name: str
    place: str
    description: str
    schema: Schema
    example: str | int
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """An operation.

    Attributes:
        method: HTTP method.
        path: path of the API Gateway resource, with a leading slash.
        name: `operationId` of OpenAPI, which client generators use.
        summary: summary in one line.
        description: description in Markdown.
        answer: name of the schema of the response.
        request: name of the schema of the body; `None` if it has no body.
        answer_example: example of the response; `None` for the first example of its schema.
        codes: error codes in addition to those of every operation.
        examples: names of files in docs/api-examples, without suffix; in addition to one for each task type.
    """

    method: str
    path: str
    name: str
    summary: str
    description: str
    answer: str
    request: str | None = None
    answer_example: dict[str, Any] | None = None
    parameters: tuple[Parameter, ...] = ()
    codes: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()


CODES_OF_EVERY_OPERATION: Final = (
    "invalid_request",
    "unauthorized",
    "access_denied",
    "throttled",
    "quota_exceeded",
    "internal",
    "unavailable",
    "timeout",
)
CODES_OF_EVERY_BODY: Final = ("invalid_json", "too_large", "unsupported_media_type")

_IDEMPOTENCY_KEY: Final = Parameter(
    name="Idempotency-Key",
    place="header",
    description=(
        "A unique string for this request. For 24 hours, a request with the same key and the same body, byte for byte, "
        "gets the same response and creates no second task, so you can send a request again if you receive no "
        "response. The same key with another body is rejected."
    ),
    schema={"type": "string", "minLength": 1, "maxLength": 256},
    example="order-4710",
)
_ID: Final = Parameter(
    name="id",
    place="path",
    description="The id that you submitted the task with.",
    schema={"$ref": "#/components/schemas/TaskId"},
    example="cat-1",
    required=True,
)
_SUBMISSION: Final = Parameter(
    name="submission",
    place="query",
    description="Id of the submission; the newest submission with this task id by default.",
    schema={"type": "string", "pattern": "^[A-Za-z0-9]{1,100}$"},
    example="01KAVR2M5T8Z3N6W1Q4Y7H0C2E",
)
_CANCELLED: Final = {
    "id": "cat-1",
    "submission": "01KAVR2M5T8Z3N6W1Q4Y7H0C2E",
    "runtime": "sdruntime",
    "tasktype": "text-to-image",
    "status": "cancelled",
    "submitted_at": "2026-11-24T10:00:00.000Z",
    "finished_at": "2026-11-24T10:00:00.730Z",
    "expires_at": "2026-11-27T10:00:00.000Z",
    "context": {"user": "ann"},
    "results": [],
}


def _query(name: str, description: str, schema: Schema, example: str | int, *, required: bool = False) -> Parameter:
    return Parameter(
        name=name, place="query", description=description, schema=schema, example=example, required=required
    )


OPERATIONS: Final = (
    Operation(
        method="POST",
        path="/v1alpha2",
        name="submitTask",
        summary="Submit a task",
        description=(
            "`metadata` selects the runtime and the task type; `content` is the request body of the runtime's own API. "
            "The response is returned at once and guarantees that the task will end. `GET` returns the status of the "
            "task, and a callback is published when it has ended."
        ),
        request="SubmitTask",
        answer="Submitted",
        parameters=(_IDEMPOTENCY_KEY,),
        codes=("checkpoint_required", "unknown_runtime", "runtime_retired", "idempotency_key_reused", "backlog_full"),
        examples=("idempotent_retry",),
    ),
    Operation(
        method="POST",
        path="/v1alpha2/uploads",
        name="createUpload",
        summary="Upload large content or an input",
        description=(
            "A request of up to 4 MiB is always accepted; a larger one may be. Upload larger content (up to 20 MiB), "
            "or an image or another input of a task (up to the limit of its [runtime](#links)), before you submit the "
            "task. Request a presigned URL with this operation, send a `PUT` request with the returned headers to it, "
            "and submit the task with `content_ref` instead of `content`, or as the [link](#links) of an input. The "
            "URL is valid for 15 minutes, and for one size and type. An upload is stored for 30 days."
        ),
        request="UploadRequest",
        answer="Upload",
        examples=("upload", "linked_input"),
    ),
    Operation(
        method="GET",
        path="/v1alpha2/tasks/{id}",
        name="getTask",
        summary="Get the status and the results of a task",
        description=(
            "Send at most one request a second, and wait as long as `Retry-After` says; with a callback you need not "
            "poll. The presigned URLs of the results are valid for 15 minutes, until `expires_at`; send the request "
            "again to get new ones. You can see only your own tasks."
        ),
        answer="Task",
        parameters=(
            _ID,
            _SUBMISSION,
            _query(
                "position",
                "`1` adds `tasks_ahead`, the number of tasks that are queued before this one.",
                {"type": "string", "enum": ["0", "1"]},
                "1",
            ),
        ),
        codes=("unknown_task",),
        examples=("get_task",),
    ),
    Operation(
        method="GET",
        path="/v1alpha2/tasks",
        name="listTasks",
        summary="List tasks",
        description="Lists your tasks of one runtime, newest first. It can take a second until a new task is listed.",
        answer="TaskList",
        parameters=(
            _query(
                "runtime",
                "Name of the runtime.",
                {"$ref": "#/components/schemas/RuntimeName"},
                "sdruntime",
                required=True,
            ),
            _query("status", "Only tasks with this status.", {"$ref": "#/components/schemas/Status"}, "running"),
            _query(
                "limit",
                "Maximum number of tasks of a page; 20 by default.",
                {"type": "integer", "minimum": 1, "maximum": 100},
                10,
            ),
            _query(
                "next",
                "`next` of the previous page.",
                {"type": "string", "maxLength": 1000},
                "WyJjYXQtMSIsIjAxS0FWUjJNNVQi",
            ),
        ),
        codes=("unknown_runtime",),
        examples=("list_tasks",),
    ),
    Operation(
        method="POST",
        path="/v1alpha2/tasks/{id}/cancel",
        name="cancelTask",
        summary="Cancel a task",
        description=(
            "The task is cancelled at once. If a runtime is running it, it is interrupted within seconds, and its "
            "results are discarded. If you cancel the task again, you get the same response. The request has no body."
        ),
        answer="Task",
        answer_example=_CANCELLED,
        parameters=(_ID, _SUBMISSION),
        codes=("unknown_task", "task_ended"),
        examples=("cancel_task",),
    ),
    Operation(
        method="POST",
        path="/v1alpha1",
        name="submitV1alpha1",
        summary="Submit a request of the SD Web UI API",
        description=(
            "For existing clients of the SD Web UI API. The body is that of the SD Web UI, with routing keys in "
            "`alwayson_scripts`; the checkpoint selects the runtime. Otherwise it is the same as `POST /v1alpha2`."
        ),
        request="SubmitV1alpha1",
        answer="SubmittedV1alpha1",
        parameters=(_IDEMPOTENCY_KEY,),
        codes=(
            "ambiguous_checkpoint",
            "unknown_checkpoint",
            "runtime_retired",
            "idempotency_key_reused",
            "backlog_full",
        ),
        examples=("text_to_image_v1alpha1",),
    ),
)
