"""Violations of rules that span several keys."""

from collections.abc import Iterable
from dataclasses import dataclass

Path = tuple[str | int, ...]
"""Keys and list indexes from the root: `("modelsRuntime", 0, "name")`."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A violation of one rule.

    Attributes:
        path: the key that violates the rule.
        message: the rule and the value: `must <rule>, got <value>`.
    """

    path: Path
    message: str


class RuleError(ValueError):
    """A configuration whose keys are valid individually, but not in combination.

    Attributes:
        violations: all violations.
    """

    def __init__(self, violations: Iterable[Violation]) -> None:
        self.violations = tuple(violations)
        super().__init__("; ".join(violation.message for violation in self.violations))
