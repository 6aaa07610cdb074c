"""A log stream of CloudWatch Logs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from queue_agent.aws_client import AwsClient
from queue_agent.errors import AwsError

_EXISTS: Final = "ResourceAlreadyExistsException"
_CALL_S: Final = 5.0
# The second has metrics made of the events; not every region looks for them by itself.
_HEADERS: Final = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-logs-format": "json/emf"}


@dataclass(frozen=True, slots=True)
class LogEvent:
    """A line of a log.

    Attributes:
        timestamp_ms: epoch milliseconds.
        message: its text.
    """

    timestamp_ms: int
    message: str


class LogStream:
    """A stream of this process alone, made with its first events.

    Args:
        aws: for the calls.
        group: name of its log group.
        name: its name, at most 512 characters without `:` and `*`.
    """

    def __init__(self, aws: AwsClient, group: str, name: str) -> None:
        self._aws = aws
        self._place = {"logGroupName": group, "logStreamName": name}
        self._exists = False

    async def put(self, events: Sequence[LogEvent]) -> None:
        """Write events, with one call.

        https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html

        Args:
            events: in the order of their time; together at most 1 MiB with 26 bytes for each.

        Raises:
            AwsError: the service does not answer or says no.
        """
        if not self._exists:
            await self._create()
        # Made again after any failure: it may be that somebody deleted it.
        self._exists = False
        lines = [{"timestamp": event.timestamp_ms, "message": event.message} for event in events]
        await self._call("PutLogEvents", {"logEvents": lines})
        self._exists = True

    async def _create(self) -> None:
        try:
            await self._call("CreateLogStream", {})
        except AwsError as error:
            if error.code != _EXISTS:
                raise

    async def _call(self, operation: str, parameters: Mapping[str, Any]) -> None:
        await self._aws.call(
            "logs",
            f"Logs_20140328.{operation}",
            {**self._place, **parameters},
            headers=_HEADERS,
            timeout_s=_CALL_S,
        )
