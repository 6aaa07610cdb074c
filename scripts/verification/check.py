"""A check and its result."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from deployed_api import VerificationError


class BrokenError(Exception):
    """The deployment does not follow the contract; the message is the result."""


class SkippedError(Exception):
    """A check does not apply; the message says why."""


class Check(NamedTuple):
    """A check.

    Attributes:
        name: property that is checked.
        action: runs the check and returns its result; raises `BrokenError` or `SkippedError`.
    """

    name: str
    action: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of a check.

    Attributes:
        check: name of the check.
        outcome: whether the property holds.
        detail: the result, or why the check was skipped.
    """

    check: str
    outcome: Literal["holds", "broken", "skipped"]
    detail: str


def run(check: Check) -> Finding:
    """Run a check. An error of a check does not stop the others."""
    try:
        return Finding(check.name, "holds", check.action())
    except SkippedError as reason:
        return Finding(check.name, "skipped", str(reason))
    except (BrokenError, VerificationError) as error:
        return Finding(check.name, "broken", str(error))
    except HTTPError as error:
        return Finding(check.name, "broken", f"no response: {error}")
    except (ClientError, BotoCoreError) as error:
        return Finding(check.name, "broken", f"AWS cannot be reached: {error}")
    except KeyError as error:
        return Finding(check.name, "broken", f"a response has no {error}")
    except ValueError as error:
        return Finding(check.name, "broken", f"a response cannot be read: {error!r}")
