"""The task table, as the API uses it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from task_record import table
from task_record.attribute_values import from_attribute_values, to_attribute_values
from task_record.submission import IDEMPOTENCY_INDEX, META_INDEX, Submission
from task_record.table import Item

from .errors import unavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_TRIES: Final = 3
"""Sends of one transaction: it is the same write each time, so a lost reply costs nothing."""


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
        for _ in range(_TRIES):
            try:
                self._client().transact_write_items(**parameters)
            except ClientError as error:
                reasons: list[dict[str, Any]] = error.response.get("CancellationReasons", [])  # type: ignore[assignment]  # the stubs know one error shape for all calls
                earlier = _refused_by(reasons, META_INDEX)
                if earlier is not None and earlier.get(table.SUBMISSION) == submission.task.submission:
                    return None  # an earlier send had committed, and its reply was lost
                earlier = _refused_by(reasons, IDEMPOTENCY_INDEX)
                if earlier is not None:
                    return None if earlier[table.SUBMISSION] == submission.task.submission else earlier
            except BotoCoreError:
                continue
            else:
                return None
        raise unavailable()

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


def _refused_by(reasons: list[dict[str, Any]], index: int) -> Item | None:
    if len(reasons) <= index or reasons[index].get("Code") != "ConditionalCheckFailed":
        return None
    return from_attribute_values(reasons[index].get("Item", {}))
