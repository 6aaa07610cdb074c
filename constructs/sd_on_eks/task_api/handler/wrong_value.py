"""The errors for an invalid value of a body: the field, the rule, and the value that was received."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from .errors import ApiError, invalid
from .nearest import did_you_mean, nearest

_SHOWN: Final = 60
"""Maximum number of characters of a received string that an error message quotes."""


def wrong(path: str, must: str, value: Any) -> ApiError:  # noqa: ANN401 (any JSON value)
    """The error for a value that breaks a rule.

    Args:
        path: path of the field, with a leading dot.
        must: the rule, such as `be a whole number from 1 to 150`.
        value: the value that was received.
    """
    return invalid(path, f"must {must}, got {described(value)}")


def wrong_choice(path: str, must: str, value: Any, choices: Sequence[str]) -> ApiError:  # noqa: ANN401 (any JSON value)
    """The error for a value that is not one of the choices, with a suggestion of the nearest choice."""
    hint = did_you_mean(value, choices) if isinstance(value, str) else ""
    return invalid(path, f"must {must}, got {described(value)}{hint}")


def missing(path: str, musts: Mapping[str, str], value: Mapping[str, Any]) -> ApiError:
    """The error for a required field that is missing.

    Args:
        path: path of the object, with a leading dot.
        musts: rules of the required fields, by name.
        value: the object.
    """
    name = next(name for name in musts if name not in value)
    return invalid(f"{path}.{name}", f"must {musts[name]}, got nothing")


def unknown(path: str, known: Sequence[str], value: Mapping[str, Any]) -> ApiError:
    """The error for a field that the object does not have, with a suggestion of the nearest name."""
    name = next(name for name in value if name not in known)
    return invalid(f"{path}.{name[:_SHOWN]}", f"must be a known field{nearest(name, known)}")


def described(value: object) -> str:
    """A short description of a value for an error message."""
    match value:
        case None:
            return "null"
        case str():
            return repr(value) if len(value) <= _SHOWN else f"{value[:_SHOWN]!r}... ({len(value)} characters)"
        case bool():
            return f"a boolean ({str(value).lower()})"
        case dict():
            return "an object"
        case list():
            return f"a list of {len(value)}"
    return f"the number {str(value)[:40]}"
