"""The task table: sends the writes of `task_record`, and retries a write whose response was lost."""

import asyncio
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Final

from queue_agent import clock
from queue_agent.aws_client import AwsClient
from queue_agent.errors import AwsError
from task_record.attribute_values import from_attribute_values, to_attribute_values
from task_record.table import Item, meta_key
from task_record.transition import Transition

_UPDATE: Final = "DynamoDB_20120810.UpdateItem"
_GET: Final = "DynamoDB_20120810.GetItem"
_REFUSED: Final = "ConditionalCheckFailedException"
_RETRY_INTERVAL_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Written:
    """A successful write.

    Attributes:
        first_sent_at: monotonic time before the first send. The written values are not older.
    """

    first_sent_at: float


@dataclass(frozen=True, slots=True)
class Refused:
    """A write that its condition rejected.

    Attributes:
        old: the record; `None` if it does not exist.
    """

    old: Item | None


class TaskTable:
    """The task table.

    Args:
        aws: the client.
        table_name: name of the table.
        call_timeout_s: timeout of one call.
    """

    def __init__(self, aws: AwsClient, table_name: str, *, call_timeout_s: float) -> None:
        self._aws = aws
        self._table_name = table_name
        self._call_timeout_s = call_timeout_s

    async def write(self, transition: Transition, *, until: float) -> Written | Refused:
        """Send a write, and retry the same write until the table responds.

        Args:
            transition: the write.
            until: monotonic time of the last retry. The first attempt is always made.

        Raises:
            AwsError: the table did not respond in time, or returned another error than a rejected condition.
        """
        first_sent_at = clock.monotonic_s()
        while True:
            sent_at = clock.monotonic_s()
            try:
                await self._call(_UPDATE, transition.update_item(self._table_name))
            except AwsError as error:
                if error.code == _REFUSED:
                    return self._refused(transition, error, first_sent_at)
                next_try_at = sent_at + _RETRY_INTERVAL_S
                if next_try_at > until:
                    raise
                await asyncio.sleep(max(0.0, next_try_at - clock.monotonic_s()))
            else:
                return Written(first_sent_at)

    async def clock_error_s(self) -> float:
        """Lower bound of the difference between this clock and the table's clock, from one call, in seconds.

        The `Date` header of the table has whole seconds.

        Raises:
            AwsError: the table did not respond.
        """
        before = clock.now_ms() / 1000
        headers = await self._call(
            _GET, {"TableName": self._table_name, "Key": to_attribute_values(meta_key("-", "clock", "clock"))}
        )
        after = clock.now_ms() / 1000
        table_s = parsedate_to_datetime(headers["Date"]).timestamp()
        return max(0.0, table_s - after, before - (table_s + 1))

    async def _call(self, target: str, parameters: dict[str, Any]) -> Any:  # noqa: ANN401 (headers, by name)
        _, headers = await self._aws.call("dynamodb", target, parameters, timeout_s=self._call_timeout_s)
        return headers

    @staticmethod
    def _refused(transition: Transition, error: AwsError, first_sent_at: float) -> Written | Refused:
        image = error.answer.get("Item")
        old = from_attribute_values(image) if image else None
        if old is not None and transition.was_done(old):
            return Written(first_sent_at)
        return Refused(old)
