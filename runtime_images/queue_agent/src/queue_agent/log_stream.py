"""A log stream of CloudWatch Logs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from queue_agent.aws_client import AwsClient
from queue_agent.errors import AwsError

_EXISTS: Final = "ResourceAlreadyExistsException"
_CALL_S: Final = 5.0
# The second header enables the embedded metric format: not every region detects it.
_HEADERS: Final = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-logs-format": "json/emf"}


@dataclass(frozen=True, slots=True)
class LogEvent:
    """A log event. The timestamp is in epoch milliseconds."""

    timestamp_ms: int
    message: str


class LogStream:
    """A log stream of this process only. The first put creates it.

    Args:
        aws: for the calls.
        group: name of the log group.
        name: name of the stream: at most 512 characters, without `:` and `*`.
    """

    def __init__(self, aws: AwsClient, group: str, name: str) -> None:
        self._aws = aws
        self._place = {"logGroupName": group, "logStreamName": name}
        self._exists = False

    async def put(self, events: Sequence[LogEvent]) -> None:
        """Write events with one call.

        https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html

        Args:
            events: in chronological order; at most 1 MiB in total, with 26 bytes of overhead for each.

        Raises:
            AwsError: the service did not respond, or returned an error.
        """
        if not self._exists:
            await self._create()
        # Created again after any failure: the stream may have been deleted.
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
