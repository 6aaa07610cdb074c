"""What is wrong with a configuration: all of it, with its place."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        line: line of the file, from 1; 0 where it is about the file as a whole.
        key: the key's path, such as `APIGW.throttle.rateLimit`; empty for the file as a whole.
        message: what was wanted and what came.
    """

    line: int
    key: str
    message: str

    def text(self, file: str) -> str:
        """The line that a person reads: `config.yaml:4: APIGW.throttle.rateLimit: must be 1 or more, got -3`."""
        place = f"{file}:{self.line}" if self.line else file
        return ": ".join(part for part in (place, self.key, self.message) if part)


class ConfigError(Exception):
    """A configuration that cannot be used.

    Attributes:
        file: its name, as it was given.
        problems: everything that is wrong with it, in the order of the lines.
    """

    def __init__(self, file: str, problems: Iterable[Problem]) -> None:
        self.file = file
        self.problems = sorted(set(problems))
        super().__init__("\n".join(problem.text(file) for problem in self.problems))
