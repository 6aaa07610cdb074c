"""The errors in a configuration, each with its place."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One error in a configuration.

    Attributes:
        line: line of the file, from 1; 0 for the file as a whole.
        key: the key's path, such as `APIGW.throttle.rateLimit`; empty for the file as a whole.
        message: the rule and the value: `must <rule>, got <value>`.
    """

    line: int
    key: str
    message: str

    def text(self, file: str) -> str:
        """The message with its place: `config.yaml:4: APIGW.throttle.rateLimit: must be 1 or more, got -3`."""
        place = f"{file}:{self.line}" if self.line else file
        return ": ".join(part for part in (place, self.key, self.message) if part)


class ConfigError(Exception):
    """An invalid configuration.

    Attributes:
        file: its name, as the user wrote it.
        problems: all of its errors, in line order.
    """

    def __init__(self, file: str, problems: Iterable[Problem]) -> None:
        self.file = file
        self.problems = sorted(set(problems))
        super().__init__("\n".join(problem.text(file) for problem in self.problems))
