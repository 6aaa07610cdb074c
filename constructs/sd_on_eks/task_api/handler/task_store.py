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

_CONFLICT_REPEATS: Final = 3
"""Repeats of one write while a transaction holds an item of it. A lost reply is the client's to repeat."""

_PAUSE_S: Final = (0.01, 0.05)
"""Between two sends, at random: a transaction takes some ten milliseconds."""

_IN_PROGRESS: Final = frozenset({"TransactionConflictException", "TransactionInProgressException"})
_NAME: Final = re.compile(r"#(\w+)")
_Reply = TypeVar("_Reply")


class TaskStore:
    """The task table.

    Every method raises `ApiError` where the table does not do its part; the request may be sent again.

    Args:
        client: makes or gives the DynamoDB client.
        table_name: the table.
    """

    def __init__(self, client: "Callable[[], DynamoDBClient]", table_name: str) -> None:
        self._client = client
        self._table_name = table_name

    def submit(self, submission: Submission) -> Item | None:
        """W1, in one call.

        Returns:
            `None` where the task is stored; the item of an earlier submit with the same Idempotency-Key otherwise.
        """
        parameters = submission.transact_write_items(self._table_name)
        try:
            _repeated(lambda: self._client().transact_write_items(**parameters))
        except ClientError as error:
            reasons = _cancellation_reasons(error)
            stored = _refused_by(reasons, META_INDEX) or _refused_by(reasons, IDEMPOTENCY_INDEX)
            if stored is None:
                raise unavailable() from error
            # Mine: an earlier send had committed, and its reply was lost.
            return None if stored[table.SUBMISSION] == submission.task.submission else stored
        except BotoCoreError as error:
            raise unavailable() from error
        return None

    def earlier_submit(self, owner: str, idempotency_key: str, *, now_s: int) -> Item | None:
        """The item of an earlier submit with this Idempotency-Key, while it counts; one consistent read."""
        key = to_attribute_values(table.idempotency_key(owner, idempotency_key))
        try:
            found = self._client().get_item(TableName=self._table_name, Key=key, ConsistentRead=True).get("Item")
        except (ClientError, BotoCoreError) as error:
            raise unavailable() from error
        item = from_attribute_values(found) if found else None
        return item if item is not None and int(item[table.TTL]) >= now_s else None

    def find(self, owner: str, task_id: str, submission: str | None) -> Item | None:
        """The record of one submission, or of the newest one; one consistent read."""
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
        """Records of a caller's tasks for a runtime, newest first, as the index has them; one call.

        Args:
            owner: the caller.
            runtime: name of the runtime.
            status: leaves out others; the page may then be shorter than its limit, and yet not the last.
            limit: how many are looked at, at most.
            start: where the page before ended.

        Returns:
            The records, and where the page ended; `None` where it is the last.
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
        """How many tasks wait for a runtime, whoever's they are; one call for some thousand of them.

        Args:
            runtime: name of the runtime.
            at_most: where to stop counting.
            before_ms: counts those alone that were submitted before, epoch milliseconds.
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
            # A page holds 1 MB at most.
            if counted >= at_most or "LastEvaluatedKey" not in page:
                return counted
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def cancel(self, task: TaskRef, *, now_ms: int, times: ProtocolTimes) -> Item | None:
        """W6, in one call.

        Returns:
            The record as it is afterwards: cancelled, or ended otherwise before. `None` where there is no such task.
        """
        update = cancel(task, now_ms=now_ms, times=times).update_item(self._table_name)
        try:
            new = _repeated(lambda: self._client().update_item(**update, ReturnValues="ALL_NEW"))["Attributes"]
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
            # Several of our names are reserved words of DynamoDB.
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


def _repeated(send: Callable[[], _Reply]) -> _Reply:
    for _ in range(_CONFLICT_REPEATS):
        try:
            return send()
        except ClientError as error:
            if not _is_conflict(error):
                raise
            time.sleep(random.uniform(*_PAUSE_S))  # noqa: S311 (spreads load, keeps no secret)
    return send()


def _is_conflict(error: ClientError) -> bool:
    reasons = _cancellation_reasons(error)
    return error.response["Error"]["Code"] in _IN_PROGRESS or any(
        reason.get("Code") == "TransactionConflict" for reason in reasons
    )


def _cancellation_reasons(error: ClientError) -> list[dict[str, Any]]:
    # In the order of the transaction's items; the stubs know one error shape for all calls.
    reasons: list[dict[str, Any]] = dict(error.response).get("CancellationReasons", [])  # type: ignore[assignment] # as said
    return reasons


def _refused_by(reasons: list[dict[str, Any]], index: int) -> Item | None:
    if len(reasons) <= index or reasons[index].get("Code") != "ConditionalCheckFailed":
        return None
    return from_attribute_values(reasons[index].get("Item", {}))
