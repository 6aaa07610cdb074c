"""One conditional write of a record, sent to DynamoDB or applied in memory."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from task_record.attribute_values import to_attribute_value, to_attribute_values
from task_record.condition import Condition
from task_record.table import Item, Scalar


def never(_old: Item) -> bool:
    """The old item never shows that this write was already applied."""
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """A conditional update of a record.

    Attributes:
        name: the name of the write in the protocol, for logs and metrics.
        key: `pk` and `sk` of the record.
        condition: the condition that the record must meet.
        sets: attributes to set.
        sets_if_absent: attributes to set if the record does not have them.
        adds: integers to add; an absent attribute counts as 0.
        removes: attributes to remove.
        was_done: for the old item of a rejected write, whether this write was already applied. Then the first response
            was lost, and the retry is a success.
    """

    name: str
    key: Item
    condition: Condition
    sets: Mapping[str, Scalar] = field(default_factory=dict)
    sets_if_absent: Mapping[str, Scalar] = field(default_factory=dict)
    adds: Mapping[str, int] = field(default_factory=dict)
    removes: tuple[str, ...] = ()
    was_done: Callable[[Item], bool] = never

    def apply(self, item: Item | None) -> Item | None:
        """Apply to a plain item in memory.

        Returns:
            The new item, or `None` if the condition rejects the write.
        """
        if not self.condition.holds(item):
            return None
        new: Item = dict(item) if item is not None else dict(self.key)
        for name, value in self.sets_if_absent.items():
            new.setdefault(name, value)
        new.update(self.sets)
        for name, value in self.adds.items():
            old = new.get(name, 0)
            if not isinstance(old, int):
                raise TypeError(f"{name} must be an integer to be added to, got {old!r}")
            new[name] = old + value
        for name in self.removes:
            new.pop(name, None)
        return new

    def update_item(self, table_name: str) -> dict[str, Any]:
        """Parameters of `UpdateItem`. A rejection returns the old item."""
        names: dict[str, str] = {}
        values: dict[str, Any] = {}

        def name(attribute: str) -> str:
            # Placeholders for all names: `status`, `ttl`, `open` and others are reserved words of DynamoDB.
            placeholder = f"#{attribute}"
            names[placeholder] = attribute
            return placeholder

        def value(scalar: Scalar) -> str:
            placeholder = f":v{len(values)}"
            values[placeholder] = to_attribute_value(scalar)
            return placeholder

        assignments = [f"{name(attribute)} = {value(scalar)}" for attribute, scalar in self.sets.items()]
        assignments += [
            f"{name(attribute)} = if_not_exists({name(attribute)}, {value(scalar)})"
            for attribute, scalar in self.sets_if_absent.items()
        ]
        clauses = []
        if assignments:
            clauses.append("SET " + ", ".join(assignments))
        if self.adds:
            clauses.append("ADD " + ", ".join(f"{name(key)} {value(amount)}" for key, amount in self.adds.items()))
        if self.removes:
            clauses.append("REMOVE " + ", ".join(name(attribute) for attribute in self.removes))
        return {
            "TableName": table_name,
            "Key": to_attribute_values(self.key),
            "UpdateExpression": " ".join(clauses),
            "ConditionExpression": self.condition.render(name, value),
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
