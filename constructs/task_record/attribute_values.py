"""Plain items <-> DynamoDB attribute values, for the two types that the task table uses.

The client of the Lambda handlers, the calls of the agent and the stream records all use this low-level format.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

from task_record.table import Item, Scalar

AttributeValue: TypeAlias = dict[str, Any]
"""`{"S": "text"}` or `{"N": "42"}`."""


def to_attribute_value(value: Scalar) -> AttributeValue:
    """Convert one value to a DynamoDB attribute value.

    Raises:
        TypeError: the value is a bool, which is an int in Python but not in DynamoDB.
    """
    if isinstance(value, str):
        return {"S": str(value)}  # a StrEnum member becomes its plain value
    if isinstance(value, bool):
        raise TypeError(f"a value of the task table must be a string or an integer, got {value!r}")
    return {"N": str(value)}


def to_attribute_values(item: Mapping[str, Scalar]) -> dict[str, AttributeValue]:
    """Convert a plain item to DynamoDB attribute values."""
    return {name: to_attribute_value(value) for name, value in item.items()}


def from_attribute_values(image: Mapping[str, Mapping[str, Any]]) -> Item:
    """Convert a stored item or a stream image to a plain item. Attributes of other types are ignored."""
    item: Item = {}
    for name, described in image.items():
        if "S" in described:
            item[name] = str(described["S"])
        elif "N" in described:
            # Not int(float(...)): it would lose digits of large numbers. to_attribute_value writes integers only.
            item[name] = int(described["N"])
    return item
