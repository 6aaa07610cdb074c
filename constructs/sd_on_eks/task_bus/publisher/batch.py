"""How a batch of stream records is gone through.

A record that can never be sent must not hold up the others, and one that could not be sent this time must not be lost.
The former is put into the failure bucket and counts as done. For the latter every other record is tried first, then the
handler raises, and the stream brings the whole batch again: doubles are word for word the same, or fenced by the claim.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from sd_on_eks.handler_support.topic import MessageRefusedError

from .stream_record import PoisonRecordError, StreamRecord

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class BatchNotDoneError(Exception):
    """Some records could not be handled this time; the stream will bring them again."""


Outcome = Callable[[str, str, str], None]
"""Counts what became of a record: outcome, id of the record, reason (empty where it was sent)."""


class FailureBucket:
    """Where records are kept that can never be sent; `scripts/resend.py` sends them again once the cause is gone.

    Args:
        client: S3.
        bucket: its name.
        handler: name of the handler, the first part of the key.
    """

    def __init__(self, client: "S3Client", bucket: str, handler: str) -> None:
        self._client = client
        self._bucket = bucket
        self._handler = handler

    def put(self, record: Mapping[str, Any], reason: str) -> None:
        """Keep a record under its own key: putting it again changes nothing."""
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
    """Send every record.

    Args:
        records: the event's records.
        send: sends one; False where there is nothing to send.
        failures: takes what can never be sent.
        outcome: counts `Sent`, `Poison` and `NotSent`.

    Raises:
        BatchNotDoneError: some could not be sent this time.
    """
    not_done = 0
    for raw in records:
        record_id = str(raw.get("eventID", "unknown"))
        try:
            try:
                if send(StreamRecord.from_event(raw)):
                    outcome("Sent", record_id, "")
            except (PoisonRecordError, MessageRefusedError) as poison:
                failures.put(raw, str(poison))
                outcome("Poison", record_id, str(poison))
        except (ClientError, BotoCoreError) as error:
            not_done += 1
            outcome("NotSent", record_id, type(error).__name__)
    if not_done:
        raise BatchNotDoneError(f"{not_done} of {len(records)} records could not be handled this time")
