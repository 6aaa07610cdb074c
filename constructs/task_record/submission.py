"""Submit: one transaction that writes the record, its message and the response to its Idempotency-Key.

Also the first attributes of a record whose message has no submission.
"""

import json
from dataclasses import dataclass
from typing import Any, Final

from task_record import table
from task_record.attribute_values import to_attribute_values
from task_record.identifiers import safe_task_id, submission_of_message
from task_record.message import SCHEMA_VERSION, TaskMessage
from task_record.protocol_times import DAY_S
from task_record.status import Status
from task_record.table import Item
from task_record.transitions import TaskRef

BODY_TTL_S: Final = 30 * DAY_S
"""How long a message is kept after the submit. The lifecycle rule of offloaded payloads has the same time."""

IDEMPOTENCY_TTL_S: Final = DAY_S
"""How long the response to an Idempotency-Key is kept."""

META_INDEX: Final = 0
IDEMPOTENCY_INDEX: Final = 2
"""Indexes of the items in the transaction, and of their cancellation reasons."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Idempotency:
    """The response to an Idempotency-Key.

    Attributes:
        header: the key.
        body_hash: SHA-256 of the request body, in hex. The same key with another body is rejected.
        answer: JSON of the response.
    """

    header: str
    body_hash: str
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A task to submit.

    Attributes:
        task: the key's parts.
        message: the message that the relay publishes. The record has the same metadata.
        message_text: the encoded message, at most `message.MESSAGE_MAX_BYTES` bytes.
        api_key_id: id of the API key, for access logs and usage; not a secret.
        submitted_at_ms: epoch milliseconds.
        expires_at_ms: epoch milliseconds.
        idempotency: the response to store, if the request has the header.
    """

    task: TaskRef
    message: TaskMessage
    message_text: str
    api_key_id: str
    submitted_at_ms: int
    expires_at_ms: int
    idempotency: Idempotency | None = None

    def transact_write_items(self, table_name: str) -> dict[str, Any]:
        """Parameters of `TransactWriteItems`. The API returns 200 only after the commit.

        The order of the items is META, BODY, IDEM. Cancellation reasons have the same order, each with the old item.
        """
        puts = [
            self._put(table_name, self.record(), "attribute_not_exists(pk)", {}),
            self._put(table_name, self._body(), "attribute_not_exists(pk)", {}),
        ]
        if self.idempotency is not None:
            now_s = self.submitted_at_ms // 1000
            puts.append(
                self._put(
                    table_name,
                    self._idempotency_item(self.idempotency, now_s),
                    # DynamoDB may delete an expired item days later, so an expired item counts as absent.
                    "attribute_not_exists(pk) OR #ttl < :now",
                    {
                        "ExpressionAttributeNames": {"#ttl": table.TTL},
                        "ExpressionAttributeValues": to_attribute_values({":now": now_s}),
                    },
                )
            )
        return {"TransactItems": puts}

    def record(self) -> Item:
        """The initial record."""
        item: Item = {
            **self.task.key,
            table.OWNER: self.task.owner,
            table.ID: self.task.id,
            table.SUBMISSION: self.task.submission,
            table.API_KEY_ID: self.api_key_id,
            table.STATUS: Status.QUEUED,
            table.OPEN: 1,
            table.ATTEMPTS: 0,
            table.SUBMITTED_AT: self.submitted_at_ms,
            table.EXPIRES_AT: self.expires_at_ms,
            **described_attributes(self.message),
        }
        return item

    def _body(self) -> Item:
        return {
            **table.body_key(self.task.owner, self.task.id, self.task.submission),
            table.RUNTIME: str(self.message.runtime),
            table.MESSAGE: self.message_text,
            table.TTL: self.submitted_at_ms // 1000 + BODY_TTL_S,
        }

    def _idempotency_item(self, idempotency: Idempotency, now_s: int) -> Item:
        return {
            **table.idempotency_key(self.task.owner, idempotency.header),
            table.SUBMISSION: self.task.submission,
            table.BODY_HASH: idempotency.body_hash,
            table.ANSWER: idempotency.answer,
            table.TTL: now_s + IDEMPOTENCY_TTL_S,
        }

    @staticmethod
    def _put(table_name: str, item: Item, condition: str, further: dict[str, Any]) -> dict[str, Any]:
        return {
            "Put": {
                "TableName": table_name,
                "Item": to_attribute_values(item),
                "ConditionExpression": condition,
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
                **further,
            }
        }


def task_of_message(message: TaskMessage, *, message_id: str, sent_at_ms: int) -> TaskRef:
    """The task of a message. It is the same for every delivery of the message.

    Args:
        message: the message.
        message_id: MessageId of the SQS message. The MessageId of an SNS envelope takes precedence.
        sent_at_ms: when the message was sent, in epoch milliseconds.
    """
    submission = message.submission or submission_of_message(message.sns_message_id or message_id, sent_at_ms)
    return TaskRef(owner=message.owner, id=safe_task_id(message.id), submission=submission)


def first_attributes(task: TaskRef, message: TaskMessage, *, runtime: str, sent_at_ms: int, max_age_ms: int) -> Item:
    """Attributes that claim or give up writes if a message without a submission has no record yet.

    Args:
        task: the key's parts.
        message: the message.
        runtime: the runtime of the queue.
        sent_at_ms: when the message was sent, in epoch milliseconds; used as the time of the submit.
        max_age_ms: age at which an unfinished task expires.
    """
    return {
        table.OWNER: task.owner,
        # The callback returns the id as the caller wrote it. The key has a safe form of it.
        table.ID: message.id,
        table.SUBMISSION: task.submission,
        table.SUBMITTED_AT: sent_at_ms,
        table.EXPIRES_AT: sent_at_ms + max_age_ms,
        **described_attributes(message),
        table.RUNTIME: runtime,
    }


def described_attributes(message: TaskMessage) -> Item:
    """Attributes of a record that come from its message."""
    item: Item = {table.SCHEMA_VERSION: SCHEMA_VERSION}
    if message.runtime is not None:
        item[table.RUNTIME] = message.runtime
    if message.tasktype is not None:
        item[table.TASKTYPE] = message.tasktype
    if message.checkpoint is not None:
        item[table.CHECKPOINT] = message.checkpoint
    if message.prefix is not None:
        item[table.PREFIX] = message.prefix
    if message.context is not None:
        item[table.CONTEXT] = json.dumps(message.context)
    return item
