"""How a batch of stream records is processed.

A poison record, which can never be published, must not block the others: it is written to the failure bucket and
counts as done. A record that fails with a temporary error must not be lost: the other records are tried first, then the
handler raises, and Lambda retries the whole batch. Duplicates are harmless: a callback that is published again is
identical, and only one claim of a task succeeds.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from sd_on_eks.handler_support.topic import MessageRejectedError

from .stream_record import PoisonRecordError, StreamRecord

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class BatchNotDoneError(Exception):
    """Some records failed with a temporary error; Lambda retries the batch."""


Outcome = Callable[[str, str, str], None]
"""Counts the outcome of a record. Arguments: outcome, id of the record, reason (empty if it was published)."""


class FailureBucket:
    """Stores the records that cannot be published; `scripts/resend.py` sends them again when the cause is fixed.

    Args:
        client: S3 client.
        bucket: name of the bucket.
        handler: name of the handler, the first segment of an object's key.
    """

    def __init__(self, client: "S3Client", bucket: str, handler: str) -> None:
        self._client = client
        self._bucket = bucket
        self._handler = handler

    def put(self, record: Mapping[str, Any], reason: str) -> None:
        """Store a record under a key of its own, so that storing it again changes nothing."""
        self._client.put_object(
            Bucket=self._bucket,
            Key=f"{self._handler}/{record.get('eventID', 'unknown')}.json",
            Body=json.dumps({"reason": reason, "record": record}, default=str).encode(),
            ContentType="application/json",
        )


def process(
    records: Sequence[Mapping[str, Any]],
    *,
    send: Callable[[StreamRecord], bool],
    failures: FailureBucket,
    outcome: Outcome,
) -> None:
    """Publish every record of a batch.

    Args:
        records: the records of the event.
        send: publishes one; returns False if there is nothing to publish.
        failures: stores the poison records.
        outcome: counts `Sent`, `Poison` and `NotSent`.

    Raises:
        BatchNotDoneError: some records failed with a temporary error.
    """
    not_done = 0
    for raw in records:
        record_id = str(raw.get("eventID", "unknown"))
        try:
            try:
                if send(StreamRecord.from_event(raw)):
                    outcome("Sent", record_id, "")
            except (PoisonRecordError, MessageRejectedError) as poison:
                failures.put(raw, str(poison))
                outcome("Poison", record_id, str(poison))
        except (ClientError, BotoCoreError) as error:
            not_done += 1
            outcome("NotSent", record_id, type(error).__name__)
    if not_done:
        raise BatchNotDoneError(
            f"{not_done} of {len(records)} records could not be published; Lambda retries the batch"
        )
