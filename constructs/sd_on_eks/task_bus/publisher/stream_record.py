"""A record of the task table's DynamoDB stream."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from task_record.attribute_values import from_attribute_values
from task_record.table import Item


class PoisonRecordError(Exception):
    """A record that can never be published; a retry cannot succeed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRecord:
    """A change of the table.

    Attributes:
        event_id: id of the change.
        event_name: INSERT, MODIFY or REMOVE.
        old: the item before; `None` if it did not exist.
        new: the item after; `None` if it was removed.
    """

    event_id: str
    event_name: str
    old: Item | None
    new: Item | None

    @classmethod
    def from_event(cls, record: Mapping[str, Any]) -> "StreamRecord":
        """Read a record of a Lambda event.

        https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html

        Raises:
            PoisonRecordError: an attribute has a type that the table does not use.
        """
        change = record.get("dynamodb", {})
        try:
            return cls(
                event_id=str(record.get("eventID", "unknown")),
                event_name=str(record.get("eventName")),
                old=from_attribute_values(change["OldImage"]) if "OldImage" in change else None,
                new=from_attribute_values(change["NewImage"]) if "NewImage" in change else None,
            )
        except ValueError as error:
            raise PoisonRecordError(f"the image cannot be read: {error}") from error
