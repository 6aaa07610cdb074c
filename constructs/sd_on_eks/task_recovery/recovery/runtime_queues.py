"""The runtimes' queues, as the reconciler reads them."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_VISIBLE: Final = "ApproximateNumberOfMessages"
_IN_FLIGHT: Final = "ApproximateNumberOfMessagesNotVisible"


class RuntimeQueues:
    """The runtimes' queues.

    Args:
        client: SQS client.
        names: names of the queues, by the names of their runtimes.
    """

    def __init__(self, client: "SQSClient", names: Mapping[str, str]) -> None:
        self._client = client
        self._names = names
        # The environment has names instead of URLs, since Lambda limits its size to 4 KB.
        self._url = cache(lambda name: client.get_queue_url(QueueName=name)["QueueUrl"])

    def __iter__(self) -> Iterator[str]:
        """Names of the runtimes."""
        return iter(self._names)

    def is_empty(self, runtime: str) -> bool:
        """Whether the queue of a runtime has neither visible messages nor messages in flight.

        Raises:
            ClientError: the queue does not exist, or SQS returned an error.
            BotoCoreError: SQS could not be reached.
        """
        found = self._client.get_queue_attributes(
            QueueUrl=self._url(self._names[runtime]), AttributeNames=[_VISIBLE, _IN_FLIGHT]
        )["Attributes"]
        return all(int(found[name]) == 0 for name in (_VISIBLE, _IN_FLIGHT))
