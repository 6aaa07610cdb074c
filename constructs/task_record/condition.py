"""Conditions on a record: one object that renders as a DynamoDB condition expression and evaluates in memory.

The handlers and the agent send the rendered form. The model checker in the tests evaluates the same objects in memory,
so the conditions that it verified are the ones that are sent.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from task_record.table import PK, Item, Scalar


class Condition(Protocol):
    """A condition that an item must meet for a write to succeed."""

    def holds(self, item: Item | None) -> bool:
        """Evaluate on a plain item, or on `None` if the item does not exist."""
        ...

    def render(self, name: Callable[[str], str], value: Callable[[Scalar], str]) -> str:
        """Render as a DynamoDB expression. `name` and `value` return placeholders."""
        ...


@dataclass(frozen=True, slots=True)
class Absent:
    """The item does not exist."""

    def holds(self, item: Item | None) -> bool:
        """Evaluate on a plain item."""
        return item is None

    def render(self, name: Callable[[str], str], value: Callable[[Scalar], str]) -> str:  # noqa: ARG002 (protocol)
        """Render as a DynamoDB expression."""
        return f"attribute_not_exists({name(PK)})"


@dataclass(frozen=True, slots=True)
class Is:
    """Compares an attribute with a value. On an absent attribute every comparison is false."""

    attribute: str
    operator: Literal["=", "<", ">"]
    value: Scalar

    def holds(self, item: Item | None) -> bool:
        """Evaluate on a plain item."""
        if item is None or self.attribute not in item:
            return False
        found = item[self.attribute]
        if isinstance(found, str) or isinstance(self.value, str):
            return self.operator == "=" and found == self.value
        if self.operator == "=":
            return found == self.value
        return found < self.value if self.operator == "<" else found > self.value

    def render(self, name: Callable[[str], str], value: Callable[[Scalar], str]) -> str:
        """Render as a DynamoDB expression."""
        return f"{name(self.attribute)} {self.operator} {value(self.value)}"


@dataclass(frozen=True, slots=True)
class All:
    """All parts are true."""

    parts: tuple[Condition, ...]

    def holds(self, item: Item | None) -> bool:
        """Evaluate on a plain item."""
        return all(part.holds(item) for part in self.parts)

    def render(self, name: Callable[[str], str], value: Callable[[Scalar], str]) -> str:
        """Render as a DynamoDB expression."""
        return "(" + " AND ".join(part.render(name, value) for part in self.parts) + ")"


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one part is true."""

    parts: tuple[Condition, ...]

    def holds(self, item: Item | None) -> bool:
        """Evaluate on a plain item."""
        return any(part.holds(item) for part in self.parts)

    def render(self, name: Callable[[str], str], value: Callable[[Scalar], str]) -> str:
        """Render as a DynamoDB expression."""
        return "(" + " OR ".join(part.render(name, value) for part in self.parts) + ")"
