"""The API's operations: what each takes and answers."""

from dataclasses import dataclass
from typing import Any, Final

from sd_on_eks.task_api.contract.schemas import Schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter of the path, the query or a header.

    Attributes:
        name: its name.
        place: path, query or header, as OpenAPI calls them.
        description: what it is for.
        schema: what it may be.
        example: a value.
        required: whether it must be there.
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
        path: as the gateway has it, with a slash before it.
        name: for programs that are generated.
        summary: one line.
        description: what to know about it, in Markdown.
        answer: schema of the answer.
        request: schema of the body, where there is one.
        answer_example: an answer, where the first one of its schema would not be.
        parameters: all others.
        codes: of its own; those of every operation come along.
        examples: names of files in docs/api-examples, without their suffix; those of kinds of tasks are named by them.
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
        "A text of yours that names this request. The same key with the same body, byte for byte, gives the same "
        "answer and one task for 24 hours, so a request without an answer can be sent again; with another body it is "
        "refused."
    ),
    schema={"type": "string", "minLength": 1, "maxLength": 256},
    example="order-4710",
)
_ID: Final = Parameter(
    name="id",
    place="path",
    description="Your id of the task.",
    schema={"$ref": "#/components/schemas/TaskId"},
    example="cat-1",
    required=True,
)
_SUBMISSION: Final = Parameter(
    name="submission",
    place="query",
    description="Which submission of this id; the newest where it is left out.",
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
            "`metadata` says who does what; `content` is the body that the runtime's own API takes. The answer comes "
            "at once and promises that the task will end: `GET` shows how it stands, and a callback tells its end."
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
        summary="Upload a large content, or an input",
        description=(
            "4 MiB of a request are always taken, more of it perhaps. A larger content, up to 20 MiB, or an image or "
            "another input of a task, up to what its [runtime](#links) takes, is uploaded first: ask for a link, `PUT` "
            "it there with the headers that come along, and submit the task with `content_ref` in place of `content`, "
            "or as the [link](#links) of an input. The link is good for 15 minutes and for one size and type; an "
            "upload is kept for 30 days."
        ),
        request="UploadRequest",
        answer="Upload",
        examples=("upload", "linked_input"),
    ),
    Operation(
        method="GET",
        path="/v1alpha2/tasks/{id}",
        name="getTask",
        summary="See how a task stands, and fetch its results",
        description=(
            "Ask once a second at most, and honour `Retry-After`; a callback saves asking. The links to the results "
            "are good until their `expires_at`, 15 minutes; ask again for new ones. You see your own tasks only."
        ),
        answer="Task",
        parameters=(
            _ID,
            _SUBMISSION,
            _query(
                "position",
                "`1` adds `tasks_ahead`: how many tasks are queued before this one.",
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
        description="Your tasks of one runtime, newest first. A task may take a second to appear in it.",
        answer="TaskList",
        parameters=(
            _query(
                "runtime",
                "Name of the runtime.",
                {"$ref": "#/components/schemas/RuntimeName"},
                "sdruntime",
                required=True,
            ),
            _query("status", "Only tasks in this state.", {"$ref": "#/components/schemas/Status"}, "running"),
            _query("limit", "Tasks of a page; 20 by default.", {"type": "integer", "minimum": 1, "maximum": 100}, 10),
            _query(
                "next",
                "`next` of the page before.",
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
            "The task is cancelled at once; a runtime that computes it is interrupted within seconds, and nothing of "
            "it is kept. Cancelling it again is answered like the first time. It takes no body."
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
        summary="Submit a body of the SD Web UI's own API",
        description=(
            "For clients that already speak the SD Web UI's API: its body, with the keys that route it in "
            "`alwayson_scripts`. The checkpoint names the runtime. In all else it is `POST /v1alpha2`."
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
