"""The task table, as the two handlers read and write it."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from task_record import table
from task_record.attribute_values import from_attribute_values, to_attribute_values
from task_record.status import Status
from task_record.table import Item, Scalar
from task_record.transition import Transition

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

HasTime = Callable[[], bool]
"""Returns whether there is time for one more call."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A write whose condition does not hold.

    Attributes:
        old: the item as it is; `None` if it does not exist.
    """

    old: Item | None


class Records:
    """The task table.

    Global secondary indexes are eventually consistent, so an item that is read from one may be outdated. The condition
    of the write decides.

    Args:
        client: DynamoDB client.
        table_name: name of the table.
    """

    def __init__(self, client: "DynamoDBClient", table_name: str) -> None:
        self._client = client
        self._table_name = table_name

    def read(self, key: Item) -> Item | None:
        """Read an item, with a consistent read.

        Raises:
            ClientError: DynamoDB returned an error.
            BotoCoreError: DynamoDB could not be reached.
        """
        found = self._client.get_item(TableName=self._table_name, Key=to_attribute_values(key), ConsistentRead=True)
        return from_attribute_values(found["Item"]) if "Item" in found else None

    def write(self, transition: Transition) -> Rejected | None:
        """Write an item; returns `None` if it was written.

        Raises:
            ClientError: DynamoDB returned another error than that the condition does not hold.
            BotoCoreError: DynamoDB could not be reached.
        """
        try:
            self._client.update_item(**transition.update_item(self._table_name))
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            response: dict[str, Any] = dict(error.response)  # the stubs know one error shape for all calls
            return Rejected(from_attribute_values(response["Item"]) if "Item" in response else None)
        return None

    def overdue(self, *, now_ms: int, has_time: HasTime) -> Iterator[Item]:
        """Open records past their `expires_at`, the longest overdue first.

        Raises:
            ClientError: DynamoDB returned an error.
            BotoCoreError: DynamoDB could not be reached.
        """
        return self._query(
            has_time,
            table.INDEX_OPEN,
            "#open = :open AND #expires_at <= :now",
            names=(table.OPEN, table.EXPIRES_AT),
            values={":open": 1, ":now": now_ms},
        )

    def of_other_runtimes(
        self, runtimes: Collection[str], *, now_ms: int, before: str, has_time: HasTime
    ) -> Iterator[Item]:
        """Open records that are not overdue and whose runtime is not one of `runtimes`.

        Args:
            runtimes: names of runtimes, at most 100: the limit of the operator IN.
            now_ms: the current time, epoch milliseconds.
            before: only submissions that sort before this one.
            has_time: checked before every page.

        Raises:
            ClientError: DynamoDB returned an error.
            BotoCoreError: DynamoDB could not be reached.
        """
        known = {f":runtime{number}": runtime for number, runtime in enumerate(runtimes)}
        among = f" AND NOT #runtime IN ({', '.join(known)})" if known else ""
        return self._query(
            has_time,
            table.INDEX_OPEN,
            "#open = :open AND #expires_at > :now",
            "#submission < :before" + among,
            names=(table.OPEN, table.EXPIRES_AT, table.SUBMISSION, *([table.RUNTIME] if known else [])),
            values={":open": 1, ":now": now_ms, ":before": before, **known},
        )

    def queued(self, runtime: str, *, has_time: HasTime, published_before_ms: int | None = None) -> Iterator[Item]:
        """Queued records of a runtime, oldest first.

        Args:
            runtime: name of the runtime.
            has_time: checked before every page.
            published_before_ms: only records that were last published (or submitted, if not published again) before
                this time, epoch milliseconds.

        Raises:
            ClientError: DynamoDB returned an error.
            BotoCoreError: DynamoDB could not be reached.
        """
        key = "#runtime = :runtime AND #status = :status"
        names = [table.RUNTIME, table.STATUS]
        values: dict[str, Scalar] = {":runtime": runtime, ":status": Status.QUEUED}
        if published_before_ms is None:
            return self._query(has_time, table.INDEX_BY_STATUS, key, names=names, values=values)
        return self._query(
            has_time,
            table.INDEX_BY_STATUS,
            # A task is never published before it is submitted.
            key + " AND #submitted_at < :before",
            "attribute_not_exists(#published_at) OR #published_at < :before",
            names=[*names, table.SUBMITTED_AT, table.PUBLISHED_AT],
            values={**values, ":before": published_before_ms},
        )

    def _query(
        self,
        has_time: HasTime,
        index: str,
        key: str,
        filters: str | None = None,
        *,
        names: Collection[str],
        values: dict[str, Scalar],
    ) -> Iterator[Item]:
        filtered: dict[str, Any] = {"FilterExpression": filters} if filters is not None else {}
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table_name,
            IndexName=index,
            KeyConditionExpression=key,
            ExpressionAttributeNames={f"#{name}": name for name in names},
            ExpressionAttributeValues=to_attribute_values(values),
            **filtered,
        )
        for page in pages:
            yield from map(from_attribute_values, page["Items"])
            # With a filter, any number of pages may be empty.
            if not has_time():
                return
