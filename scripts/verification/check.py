"""A check and what became of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from deployed_api import VerificationError


class BrokenError(Exception):
    """The deployment is off the contract: what was found."""


class SkippedError(Exception):
    """A check does not apply here: why."""


class Check(NamedTuple):
    """A check.

    Attributes:
        name: what is checked.
        look: looks, and says what it found; raises `BrokenError` or `SkippedError`.
    """

    name: str
    look: Callable[[], str]


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


def run(check: Check) -> Finding:
    """Look; a check that is broken keeps no other one from being run."""
    try:
        return Finding(check.name, "holds", check.look())
    except SkippedError as reason:
        return Finding(check.name, "skipped", str(reason))
    except (BrokenError, VerificationError) as error:
        return Finding(check.name, "broken", str(error))
    except HTTPError as error:
        return Finding(check.name, "broken", f"there was no answer: {error}")
    except (ClientError, BotoCoreError) as error:
        return Finding(check.name, "broken", f"AWS cannot be asked: {error}")
    except KeyError as error:
        return Finding(check.name, "broken", f"an answer has no {error}")
    except ValueError as error:
        return Finding(check.name, "broken", f"an answer cannot be read: {error!r}")
