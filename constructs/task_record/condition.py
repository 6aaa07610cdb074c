"""Conditions on a record: one object that renders as a DynamoDB condition expression and evaluates in memory.

The handlers and the agent send the rendered form; the searches over all histories of a task evaluate the very same
objects in memory, so what was searched is what is sent.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from task_record.table import PK, Item, Scalar


class Condition(Protocol):
    """What an item must be like for a write to happen."""

    def holds(self, item: Item | None) -> bool:
        """Evaluate on a plain item, `None` where there is none."""
        ...

    def render(self, name: Callable[[str], str], value: Callable[[Scalar], str]) -> str:
        """Write as a DynamoDB expression; `name` and `value` give placeholders."""
        ...


@dataclass(frozen=True, slots=True)
class Absent:
    """There is no such item."""

    def holds(self, item: Item | None) -> bool:
        """Evaluate on a plain item."""
        return item is None

    def render(self, name: Callable[[str], str], value: Callable[[Scalar], str]) -> str:  # noqa: ARG002 (protocol)
        """Write as a DynamoDB expression."""
        return f"attribute_not_exists({name(PK)})"


@dataclass(frozen=True, slots=True)
class Is:
    """An attribute is there and compares so with a value; on an absent attribute no comparison holds."""

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
        """Write as a DynamoDB expression."""
        return f"{name(self.attribute)} {self.operator} {value(self.value)}"


@dataclass(frozen=True, slots=True)
class All:
    """Every part holds."""

    parts: tuple[Condition, ...]

    def holds(self, item: Item | None) -> bool:
        """Evaluate on a plain item."""
        return all(part.holds(item) for part in self.parts)

    def render(self, name: Callable[[str], str], value: Callable[[Scalar], str]) -> str:
        """Write as a DynamoDB expression."""
        return "(" + " AND ".join(part.render(name, value) for part in self.parts) + ")"


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one part holds."""

    parts: tuple[Condition, ...]

    def holds(self, item: Item | None) -> bool:
        """Evaluate on a plain item."""
        return any(part.holds(item) for part in self.parts)

    def render(self, name: Callable[[str], str], value: Callable[[Scalar], str]) -> str:
        """Write as a DynamoDB expression."""
        return "(" + " OR ".join(part.render(name, value) for part in self.parts) + ")"
