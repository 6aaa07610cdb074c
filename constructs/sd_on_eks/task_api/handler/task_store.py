"""The task table, as the API uses it."""

import random
import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from task_record import table
from task_record.attribute_values import from_attribute_values, to_attribute_values
from task_record.protocol_times import ProtocolTimes
from task_record.status import Status
from task_record.submission import IDEMPOTENCY_INDEX, META_INDEX, Submission
from task_record.table import Item, Scalar
from task_record.transitions import TaskRef, cancel

from .errors import unavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_CONFLICT_RETRIES: Final = 3
"""Retries of a write while a transaction locks one of its items. After a lost response, the AWS client retries."""

_PAUSE_S: Final = (0.01, 0.05)
"""Range of the random pause between two attempts; a transaction takes about ten milliseconds."""

_IN_PROGRESS: Final = frozenset({"TransactionConflictException", "TransactionInProgressException"})
_NAME: Final = re.compile(r"#(\w+)")
_Response = TypeVar("_Response")


class TaskStore:
    """The task table.

    Every method raises `ApiError` (503) if DynamoDB is unavailable or returns an error; a retry may succeed.

    Args:
        client: returns the DynamoDB client.
        table_name: name of the table.
    """

    def __init__(self, client: "Callable[[], DynamoDBClient]", table_name: str) -> None:
        self._client = client
        self._table_name = table_name

    def submit(self, submission: Submission) -> Item | None:
        """The write `submit`, in one call.

        Returns:
            `None` if the task was stored; otherwise the item of an earlier submit with the same Idempotency-Key.
        """
        parameters = submission.transact_write_items(self._table_name)
        try:
            _retried(lambda: self._client().transact_write_items(**parameters))
        except ClientError as error:
            reasons = _cancellation_reasons(error)
            stored = _existing_item(reasons, META_INDEX) or _existing_item(reasons, IDEMPOTENCY_INDEX)
            if stored is None:
                raise unavailable() from error
            # The same submission: an earlier attempt was committed, and its response was lost.
            return None if stored[table.SUBMISSION] == submission.task.submission else stored
        except BotoCoreError as error:
            raise unavailable() from error
        return None

    def earlier_submit(self, owner: str, idempotency_key: str, *, now_s: int) -> Item | None:
        """The item of an earlier submit with this Idempotency-Key, if it has not expired; one consistent read."""
        key = to_attribute_values(table.idempotency_key(owner, idempotency_key))
        try:
            found = self._client().get_item(TableName=self._table_name, Key=key, ConsistentRead=True).get("Item")
        except (ClientError, BotoCoreError) as error:
            raise unavailable() from error
        item = from_attribute_values(found) if found else None
        return item if item is not None and int(item[table.TTL]) >= now_s else None

    def find(self, owner: str, task_id: str, submission: str | None) -> Item | None:
        """The record of a submission, or of the newest one; one consistent read."""
        page = self._query(
            "pk = :pk AND " + ("begins_with(sk, :sk)" if submission is None else "sk = :sk"),
            {":pk": table.task_pk(owner, task_id), ":sk": table.META_SK_PREFIX + (submission or "")},
            ScanIndexForward=False,
            Limit=1,
            ConsistentRead=True,
        )
        return from_attribute_values(page["Items"][0]) if page["Items"] else None

    def page(
        self, owner: str, runtime: str, *, status: Status | None, limit: int, start: Item | None
    ) -> tuple[list[Item], Item | None]:
        """Index records of a caller's tasks for a runtime, newest first, with one call.

        Args:
            owner: the caller.
            runtime: name of the runtime.
            status: only tasks with this status; the page can then be shorter than its limit without being the last.
            limit: maximum number of records that are read.
            start: key of the last record of the previous page.

        Returns:
            The records, and the key of the last record that was read; `None` on the last page.
        """
        values: dict[str, Scalar] = {":owner": owner, ":runtime": runtime}
        further: dict[str, Any] = {}
        if status is not None:
            values[":status"] = status
            further["FilterExpression"] = "#status = :status"
        if start is not None:
            further["ExclusiveStartKey"] = to_attribute_values(start)
        page = self._query(
            "#owner = :owner AND #runtime = :runtime",
            values,
            IndexName=table.INDEX_BY_OWNER,
            ScanIndexForward=False,
            Limit=limit,
            **further,
        )
        last = page.get("LastEvaluatedKey")
        return [from_attribute_values(item) for item in page["Items"]], from_attribute_values(last) if last else None

    def count_queued(self, runtime: str, *, at_most: int, before_ms: int | None = None) -> int:
        """Number of queued tasks of a runtime, of all callers; one call for some thousands of them.

        Args:
            runtime: name of the runtime.
            at_most: stop counting at this number.
            before_ms: only tasks that were submitted before this time, epoch milliseconds.
        """
        condition = "#runtime = :runtime AND #status = :status"
        values: dict[str, Scalar] = {":runtime": runtime, ":status": Status.QUEUED}
        if before_ms is not None:
            condition += " AND #submitted_at < :before"
            values[":before"] = before_ms
        counted = 0
        start: dict[str, Any] = {}
        while True:
            page = self._query(
                condition,
                values,
                IndexName=table.INDEX_BY_STATUS,
                Select="COUNT",
                Limit=at_most - counted,
                **start,
            )
            counted += int(page["Count"])
            # A page has at most 1 MB.
            if counted >= at_most or "LastEvaluatedKey" not in page:
                return counted
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def cancel(self, task: TaskRef, *, now_ms: int, times: ProtocolTimes) -> Item | None:
        """The write `cancel`, in one call.

        Returns:
            The record afterwards, which is cancelled, or had completed or failed before; `None` if it does not exist.
        """
        update = cancel(task, now_ms=now_ms, times=times).update_item(self._table_name)
        try:
            new = _retried(lambda: self._client().update_item(**update, ReturnValues="ALL_NEW"))["Attributes"]
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise unavailable() from error
            old: dict[str, Any] | None = dict(error.response).get("Item")  # type: ignore[assignment] # not in the stubs
            return from_attribute_values(old) if old else None
        except BotoCoreError as error:
            raise unavailable() from error
        return from_attribute_values(new)

    def _query(self, condition: str, values: dict[str, Scalar], **further: Any) -> Any:  # noqa: ANN401 (a page of the stubs)
        names = _NAME.findall(condition + further.get("FilterExpression", ""))
        if names:
            # Several attribute names are reserved words of DynamoDB.
            further["ExpressionAttributeNames"] = {f"#{name}": name for name in names}
        try:
            return self._client().query(
                TableName=self._table_name,
                KeyConditionExpression=condition,
                ExpressionAttributeValues=to_attribute_values(values),
                **further,
            )
        except (ClientError, BotoCoreError) as error:
            raise unavailable() from error


def _retried(send: Callable[[], _Response]) -> _Response:
    for _ in range(_CONFLICT_RETRIES):
        try:
            return send()
        except ClientError as error:
            if not _is_conflict(error):
                raise
            time.sleep(random.uniform(*_PAUSE_S))  # noqa: S311 (spreads load, is not a secret)
    return send()


def _is_conflict(error: ClientError) -> bool:
    reasons = _cancellation_reasons(error)
    return error.response["Error"]["Code"] in _IN_PROGRESS or any(
        reason.get("Code") == "TransactionConflict" for reason in reasons
    )


def _cancellation_reasons(error: ClientError) -> list[dict[str, Any]]:
    # In the order of the transaction's items; the type stubs have one error shape for all calls.
    reasons: list[dict[str, Any]] = dict(error.response).get("CancellationReasons", [])  # type: ignore[assignment] # as said
    return reasons


def _existing_item(reasons: list[dict[str, Any]], index: int) -> Item | None:
    if len(reasons) <= index or reasons[index].get("Code") != "ConditionalCheckFailed":
        return None
    return from_attribute_values(reasons[index].get("Item", {}))
