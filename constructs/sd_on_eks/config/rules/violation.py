"""One rule that a configuration breaks."""

from collections.abc import Iterable
from dataclasses import dataclass

Path = tuple[str | int, ...]
"""Keys and list indexes from the top: `("modelsRuntime", 0, "name")`."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One rule that is broken.

    Attributes:
        path: the key that it is about.
        message: what the rule asks for and what came.
    """

    path: Path
    message: str


class RuleError(ValueError):
    """A configuration whose keys are right one by one, but not together.

    Attributes:
        violations: everything that is wrong.
    """

    def __init__(self, violations: Iterable[Violation]) -> None:
        self.violations = tuple(violations)
        super().__init__("; ".join(violation.message for violation in self.violations))
