"""The operations of the API: one method for each route."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from aws_lambda_powertools import Logger

from task_record import table
from task_record.identifiers import is_task_id
from task_record.status import Status
from task_record.table import Item

from . import request_schema
from .admission import Admission
from .api_event import ApiEvent
from .body import read_body
from .cancel import cancel_task
from .errors import ApiError, invalid, unknown_task
from .inputs import Inputs
from .payload_store import PayloadStore
from .routes import ROUTES
from .settings import Settings
from .submit import Submitter, checked_idempotency_key
from .task_list import PARAMETERS, list_tasks
from .task_request import TaskRequest
from .task_store import TaskStore
from .task_view import task_view
from .uploads import Uploads
from .v1alpha1 import read_v1alpha1
from .v1alpha2 import read_v1alpha2

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

MAX_TASKS_AHEAD: Final = 100
"""Maximum value of `tasks_ahead`."""

logger = Logger()

Read = Callable[..., TaskRequest]


@dataclass(frozen=True, slots=True)
class Route:
    """A route.

    Attributes:
        metric: name of the metric that counts its successes.
        run: runs the operation, and returns the body of the response.
    """

    metric: str
    run: Callable[[ApiEvent], dict[str, Any]]


class Operations:
    """The operations of the API. Each raises `ApiError` for a response with a status other than 200.

    Args:
        settings: settings of the API.
        dynamodb: returns the client, and creates it when it is first needed.
        s3: returns the client, and creates it when it is first needed.
        now_ms: returns the current time, epoch milliseconds.

    Attributes:
        routes: operations by method and path.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        dynamodb: "Callable[[], DynamoDBClient]",
        s3: "Callable[[], S3Client]",
        now_ms: Callable[[], int],
    ) -> None:
        self._settings = settings
        self._now_ms = now_ms
        self._store = TaskStore(dynamodb, settings.table_name)
        self._payloads = PayloadStore(s3, settings.output_bucket)
        self._uploads = Uploads(s3, settings.output_bucket)
        self._admission = Admission(self._store)
        self._submitter = Submitter(self._store, self._payloads)
        by_name = {
            "submitTask": Route("Submitted", lambda event: self._submit(event, read_v1alpha2)),
            "createUpload": Route("UploadsOffered", self._offer_upload),
            "getTask": Route("Shown", self._show),
            "listTasks": Route("Listed", self._list),
            "cancelTask": Route("Cancelled", self._cancel),
            "submitV1alpha1": Route("Submitted", lambda event: self._submit(event, read_v1alpha1)),
        }
        self.routes: dict[str, Route] = {route: by_name[name] for name, route in ROUTES.items()}

    def _submit(self, event: ApiEvent, read: Read) -> dict[str, Any]:
        body, key, owner, now_ms = read_body(event.raw), event.idempotency_key, self._owner(event), self._now_ms()
        key = checked_idempotency_key(key)
        inputs = Inputs(self._uploads, owner=owner, buckets=self._settings.input_buckets)
        try:
            request = read(
                body,
                self._settings.runtimes,
                uploads=self._uploads,
                owner=owner,
                inputs=inputs,
                now_ms=now_ms,
                max_age_s=self._settings.max_task_age_s,
            )
            # Last, because it makes calls: all other errors are reported first.
            inputs.check_uploads(request.runtime.input_sizes)
            self._admission.admit(request.runtime)
        except ApiError:
            if key is None:
                raise
            # The same request may have been accepted earlier, with another configuration or by the previous version.
            answer = self._submitter.earlier_answer(body, owner=owner, idempotency_key=key, now_ms=now_ms)
            if answer is None:
                raise
            return answer
        answer = self._submitter.submit(
            request, body, owner=owner, api_key_id=event.api_key_id, idempotency_key=key, now_ms=now_ms
        )
        logger.info("task submitted", extra={"task_id": request.id, "runtime": request.runtime.name})
        return answer

    def _show(self, event: ApiEvent) -> dict[str, Any]:
        query = event.query("submission", "position")
        if query.get("position", "1") not in {"0", "1"}:
            raise invalid("position", f"must be 0 or 1, got {query['position'][:60]!r}")
        task_id, submission = _named_task(event, query)
        record = self._store.find(self._owner(event), task_id, submission)
        if record is None:
            raise unknown_task(task_id)
        view = task_view(record, self._payloads, now_ms=self._now_ms())
        if query.get("position") == "1":
            view["tasks_ahead"] = self._tasks_ahead(record)
        return view

    def _tasks_ahead(self, record: Item) -> int:
        if record[table.STATUS] != Status.QUEUED:
            return 0
        return self._store.count_queued(
            str(record[table.RUNTIME]), at_most=MAX_TASKS_AHEAD, before_ms=int(record[table.SUBMITTED_AT])
        )

    def _list(self, event: ApiEvent) -> dict[str, Any]:
        return list_tasks(self._store, self._settings.runtimes, self._owner(event), event.query(*PARAMETERS))

    def _cancel(self, event: ApiEvent) -> dict[str, Any]:
        task_id, submission = _named_task(event, event.query("submission"))
        now_ms = self._now_ms()
        record = cancel_task(
            self._store, self._owner(event), task_id, submission, now_ms=now_ms, times=self._settings.times
        )
        logger.info("task cancelled", extra={"task_id": task_id, "submission": record[table.SUBMISSION]})
        return task_view(record, self._payloads, now_ms=now_ms)

    def _offer_upload(self, event: ApiEvent) -> dict[str, Any]:
        requested = read_body(event.raw).value
        request_schema.upload_request(requested, "")
        return self._uploads.offer(
            self._owner(event),
            content_type=requested["content_type"],
            content_length=int(requested["content_length"]),
            max_input_bytes=self._settings.runtimes.largest_input_bytes,
            now_ms=self._now_ms(),
        )

    def _owner(self, event: ApiEvent) -> str:
        return self._settings.tenants.owner(event.api_key_id)


def _named_task(event: ApiEvent, query: dict[str, str]) -> tuple[str, str | None]:
    """The id in the path, and the submission in the query or `None`.

    Raises:
        ApiError: 404 if the id is not valid; 400 if the submission is not valid.
    """
    submission = query.get("submission")
    if submission is not None and not (submission.isascii() and submission.isalnum()):
        raise invalid("submission", f"must be letters and digits, got {submission[:60]!r}")
    if not is_task_id(event.task_id):
        raise unknown_task(event.task_id)
    return event.task_id, submission
