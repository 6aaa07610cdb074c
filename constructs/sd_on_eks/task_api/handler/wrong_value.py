"""The answers that a wrong value of a body gets: the field, what it must be, what came."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from .errors import ApiError, invalid
from .nearest import did_you_mean, nearest

_SHOWN: Final = 60
"""Characters of a caller's text that are told back."""


def wrong(path: str, must: str, value: Any) -> ApiError:  # noqa: ANN401 (any JSON value)
    """A value is not as it must be.

    Args:
        path: where it stands, with a dot before it.
        must: what it must be, such as `be a whole number from 1 to 150`.
        value: what came.
    """
    return invalid(path, f"must {must}, got {described(value)}")


def wrong_choice(path: str, must: str, value: Any, choices: Sequence[str]) -> ApiError:  # noqa: ANN401 (any JSON value)
    """A value is none of those that are allowed; the nearest of them is offered."""
    hint = did_you_mean(value, choices) if isinstance(value, str) else ""
    return invalid(path, f"must {must}, got {described(value)}{hint}")


def missing(path: str, musts: Mapping[str, str], value: Mapping[str, Any]) -> ApiError:
    """A field is not there.

    Args:
        path: of the object.
        musts: what each of its required fields must be.
        value: the object.
    """
    name = next(name for name in musts if name not in value)
    return invalid(f"{path}.{name}", f"must {musts[name]}, got nothing")


def unknown(path: str, known: Sequence[str], value: Mapping[str, Any]) -> ApiError:
    """An object has a field that means nothing."""
    name = next(name for name in value if name not in known)
    return invalid(f"{path}.{name[:_SHOWN]}", f"is unknown{nearest(name, known)}")


def described(value: object) -> str:
    """What a value is, in a few words."""
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
