"""Plain items <-> DynamoDB attribute values, for the two types that the task table uses.

The low-level form is what both the Lambda handlers' client and the agent's own calls send, and what a stream record
carries, so one pair of functions serves all.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

from task_record.table import Item, Scalar

AttributeValue: TypeAlias = dict[str, Any]
"""`{"S": "text"}` or `{"N": "42"}`."""


def to_attribute_value(value: Scalar) -> AttributeValue:
    """Describe one value by its DynamoDB type.

    Raises:
        TypeError: the value is a bool, which is an int to Python but not to DynamoDB.
    """
    if isinstance(value, str):
        return {"S": str(value)}  # a StrEnum member becomes its plain value
    if isinstance(value, bool):
        raise TypeError(f"the task table holds strings and integers, got {value!r}")
    return {"N": str(value)}


def to_attribute_values(item: Mapping[str, Scalar]) -> dict[str, AttributeValue]:
    """Describe every value of a plain item by its DynamoDB type."""
    return {name: to_attribute_value(value) for name, value in item.items()}


def from_attribute_values(image: Mapping[str, Mapping[str, Any]]) -> Item:
    """Read a stored item or a stream image; attributes of other types (none of ours) are left out."""
    item: Item = {}
    for name, described in image.items():
        if "S" in described:
            item[name] = str(described["S"])
        elif "N" in described:
            # int(float) would lose digits of a ULID-sized number; ours are integers, written by to_attribute_value.
            item[name] = int(described["N"])
    return item
