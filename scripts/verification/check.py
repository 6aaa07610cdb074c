"""A check and what became of it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from deployed_api import VerificationError


class BrokenError(Exception):
    """The deployment is off the contract: what was found."""


class SkippedError(Exception):
    """A check does not apply here: why."""


Check = tuple[str, Callable[[], str]]
"""What is checked; and what looks, and says what it found.

It raises `BrokenError` or `SkippedError`.
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of a check.

    Attributes:
        check: what was checked.
        outcome: whether it holds.
        detail: what was found, or why it was not looked for.
    """

    check: str
    outcome: Literal["holds", "broken", "skipped"]
    detail: str


def run(checks: Iterable[Check]) -> Iterator[Finding]:
    """Look check after check; one that is broken keeps none from the others."""
    for check, look in checks:
        try:
            yield Finding(check, "holds", look())
        except SkippedError as reason:
            yield Finding(check, "skipped", str(reason))
        except (BrokenError, VerificationError) as error:
            yield Finding(check, "broken", str(error))
        except HTTPError as error:
            yield Finding(check, "broken", f"there was no answer: {error}")
        except (ClientError, BotoCoreError) as error:
            yield Finding(check, "broken", f"AWS cannot be asked: {error}")
        except (KeyError, ValueError) as error:
            yield Finding(check, "broken", f"an answer cannot be read: {error!r}")
