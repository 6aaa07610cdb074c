"""The runtime's queue."""

from dataclasses import dataclass
from typing import Any, Final

from queue_agent.aws_client import AwsClient
from queue_agent.errors import AwsError

_STALE: Final = frozenset(
    {
        "ReceiptHandleIsInvalid",
        "MessageNotInflight",
        "InvalidParameterValue",
        "AWS.SimpleQueueService.MessageNotInflight",
        "InvalidParameterValueException",
    }
)
"""The receipt handle was replaced by a later receive, or the message was deleted. Harmless: the lease protects the
task."""

_CALL_S: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A received message.

    Attributes:
        id: MessageId.
        body: the body.
        handle: ReceiptHandle of this receive.
        sent_at_ms: SentTimestamp, in epoch milliseconds.
    """

    id: str
    body: str
    handle: str
    sent_at_ms: int


class Queue:
    """An SQS queue.

    Args:
        aws: the client.
        url: URL of the queue.
        visibility_s: visibility timeout of every receive.
    """

    def __init__(self, aws: AwsClient, url: str, *, visibility_s: float) -> None:
        self._aws = aws
        self._url = url
        self._visibility_s = visibility_s

    @property
    def name(self) -> str:
        """Name of the queue."""
        return self._url.rpartition("/")[2]

    async def receive(self, *, wait_s: int) -> Message | None:
        """Receive one message, with long polling.

        Raises:
            AwsError: the queue did not respond, or returned an error.
        """
        answer = await self._call(
            "ReceiveMessage",
            {
                "MaxNumberOfMessages": 1,
                "WaitTimeSeconds": wait_s,
                "VisibilityTimeout": round(self._visibility_s),
                "MessageSystemAttributeNames": ["SentTimestamp"],
            },
            timeout_s=wait_s + _CALL_S,
        )
        for found in answer.get("Messages", []):
            return Message(
                id=str(found["MessageId"]),
                body=str(found["Body"]),
                handle=str(found["ReceiptHandle"]),
                sent_at_ms=int(found.get("Attributes", {}).get("SentTimestamp", 0)),
            )
        return None

    async def change_visibility(self, handle: str, seconds: float) -> None:
        """Set the visibility timeout of a message, from now. 0 makes it visible at once.

        Raises:
            AwsError: the queue did not respond, or returned an error.
        """
        await self._unless_stale("ChangeMessageVisibility", handle, {"VisibilityTimeout": max(0, round(seconds))})

    async def delete(self, handle: str) -> None:
        """Delete a message.

        Raises:
            AwsError: the queue did not respond, or returned an error.
        """
        await self._unless_stale("DeleteMessage", handle, {})

    async def _unless_stale(self, operation: str, handle: str, parameters: dict[str, Any]) -> None:
        try:
            await self._call(operation, {"ReceiptHandle": handle, **parameters}, timeout_s=_CALL_S)
        except AwsError as error:
            if error.code not in _STALE:
                raise

    async def _call(self, operation: str, parameters: dict[str, Any], *, timeout_s: float) -> dict[str, Any]:
        answer, _ = await self._aws.call(
            "sqs", f"AmazonSQS.{operation}", {"QueueUrl": self._url, **parameters}, timeout_s=timeout_s
        )
        return answer
