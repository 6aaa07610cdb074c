"""The task table, as the API uses it."""

import random
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from task_record import table
from task_record.attribute_values import from_attribute_values, to_attribute_values
from task_record.submission import IDEMPOTENCY_INDEX, META_INDEX, Submission
from task_record.table import Item

from .errors import unavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_CONFLICT_REPEATS: Final = 3
"""Repeats of one transaction while another one holds an item of it."""

_OUTAGE_REPEATS: Final = 1
"""Repeats where no reply came: it is the same write, so a lost reply costs nothing. Each send may take the client's
whole patience, twice; with a body parked before, all fits in the function's time.
"""

_PAUSE_S: Final = (0.01, 0.05)
"""Between two sends, at random: a transaction takes some ten milliseconds."""


class TaskStore:
    """The task table.

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

        Raises:
            ApiError: nothing is known to be stored; the request may be sent again.
        """
        parameters = submission.transact_write_items(self._table_name)
        repeats_left = {_conflict: _CONFLICT_REPEATS, _outage: _OUTAGE_REPEATS}
        while True:
            try:
                self._client().transact_write_items(**parameters)
            except (ClientError, BotoCoreError) as error:
                reasons = _cancellation_reasons(error)
                stored = _refused_by(reasons, META_INDEX) or _refused_by(reasons, IDEMPOTENCY_INDEX)
                if stored is not None:
                    # Mine: an earlier send had committed, and its reply was lost.
                    return None if stored[table.SUBMISSION] == submission.task.submission else stored
                why = next((kind for kind in repeats_left if kind(error)), None)
                if why is None or not repeats_left[why]:
                    raise unavailable() from error
                repeats_left[why] -= 1
                time.sleep(random.uniform(*_PAUSE_S))  # noqa: S311 (spreads load, keeps no secret)
            else:
                return None

    def newest(self, owner: str, task_id: str, submission: str | None) -> Item | None:
        """The record of one submission, or of the newest one, in one consistent read.

        Raises:
            ApiError: the table did not answer.
        """
        sort_key = table.META_SK_PREFIX + (submission or "")
        try:
            page = self._client().query(
                TableName=self._table_name,
                KeyConditionExpression="pk = :pk AND begins_with(sk, :sk)",
                ExpressionAttributeValues=to_attribute_values({":pk": table.task_pk(owner, task_id), ":sk": sort_key}),
                ScanIndexForward=False,
                Limit=1,
                ConsistentRead=True,
            )
        except (ClientError, BotoCoreError) as error:
            raise unavailable() from error
        items = page["Items"]
        return from_attribute_values(items[0]) if items else None


def _cancellation_reasons(error: Exception) -> list[dict[str, Any]]:
    # In the order of the transaction's items; the stubs know one error shape for all calls.
    response: dict[str, Any] = dict(error.response) if isinstance(error, ClientError) else {}
    reasons: list[dict[str, Any]] = response.get("CancellationReasons", [])
    return reasons


def _refused_by(reasons: list[dict[str, Any]], index: int) -> Item | None:
    if len(reasons) <= index or reasons[index].get("Code") != "ConditionalCheckFailed":
        return None
    return from_attribute_values(reasons[index].get("Item", {}))


def _conflict(error: Exception) -> bool:
    return any(reason.get("Code") == "TransactionConflict" for reason in _cancellation_reasons(error))


def _outage(error: Exception) -> bool:
    """Whether nobody knows if it was done: no reply, or one that says so."""
    if isinstance(error, ClientError):
        return error.response["ResponseMetadata"]["HTTPStatusCode"] >= HTTPStatus.INTERNAL_SERVER_ERROR
    return True
