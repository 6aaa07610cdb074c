"""Hypothesis strategies for configuration models: each key by its type, bounds and format.

Rules that span several keys are up to the caller, who can replace the strategies of keys.
"""

import math
from collections.abc import Callable, Iterable
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st
from pydantic import AfterValidator, TypeAdapter, ValidationError

from sd_on_eks.config.base import ConfigModel

T = TypeVar("T")
Data = dict[str, Any]

_MOST: Final = 3
"""Entries of a list or a mapping."""

_LETTERS: Final = st.characters(exclude_categories=["Cc", "Cn", "Cs"], include_characters="\n\t")
"""Values of free-form strings: several lines, quotes, any language."""


def some_keys(
    model: type[ConfigModel],
    *,
    keep: Iterable[str] = (),
    leave_out: Iterable[str] = (),
    **instead: st.SearchStrategy[Any],
) -> st.SearchStrategy[Data]:
    """Mappings with any subset of a model's keys.

    Args:
        model: the model.
        keep: fields that are always there, beside those that the model requires.
        leave_out: fields that are never there.
        instead: field -> what is drawn for it, instead of the values of its type.
    """
    always: dict[str, st.SearchStrategy[Any]] = {}
    sometimes: dict[str, st.SearchStrategy[Any]] = {}
    for name, field in model.model_fields.items():
        if name not in leave_out:
            # An empty section is equal to an omitted one, and its keys would be drawn half as often.
            is_section = isinstance(field.default, ConfigModel)
            keys = always if field.is_required() or name in keep or is_section else sometimes
            keys[str(field.alias)] = instead[name] if name in instead else values_of(model, name)
    return st.fixed_dictionaries(always, optional=sometimes)


@cache
def values_of(model: type[ConfigModel], field: str) -> st.SearchStrategy[Any]:
    """All values that a field accepts by itself."""
    return _of(get_type_hints(model, include_extras=True)[field], tuple(model.model_fields[field].metadata))


def numbers(
    model: type[ConfigModel], field: str, *, least: float = -math.inf, most: float = math.inf
) -> st.SearchStrategy[Any]:
    """Numbers that a field accepts, within narrower bounds."""
    hint = get_type_hints(model, include_extras=True)[field]
    limits = _Limits(model.model_fields[field].metadata)
    return _numbers(int if int in (hint, *get_args(hint)) else float, max(limits.least, least), min(limits.most, most))


def texts(form: object) -> st.SearchStrategy[str]:
    """Any string in a format of `sd_on_eks.config.values`."""
    return _of(form, ())


def few(values: st.SearchStrategy[T], *, least: int = 0, unique: bool = False) -> st.SearchStrategy[list[T]]:
    """A short list; a long one finds no other errors."""
    return st.lists(values, min_size=least, max_size=_MOST, unique=unique)


class _Limits:
    """The constraints of a field's type."""

    def __init__(self, metadata: Iterable[object]) -> None:
        found: dict[str, Any] = {}
        for one in metadata:
            names = ("ge", "gt", "le", "min_length", "max_length", "pattern")
            found |= {name: value for name in names if (value := getattr(one, name, None)) is not None}
        self.pattern: str | None = found.get("pattern")
        self.least: float = found.get("ge", found["gt"] + 0.001 if "gt" in found else -math.inf)
        self.most: float = found.get("le", math.inf)
        self.min_length: int = found.get("min_length", 0)
        self.max_length: int = min(found.get("max_length", _MOST), max(_MOST, self.min_length))


def _of(annotation: Any, metadata: tuple[object, ...]) -> st.SearchStrategy[Any]:
    origin, arguments = get_origin(annotation), get_args(annotation)
    limits = _Limits(metadata)
    if origin is Annotated:
        values = _of(arguments[0], (*metadata, *arguments[1:]))
        has_rule = any(isinstance(one, AfterValidator) for one in arguments[1:])
        return values.filter(_is_accepted_by(TypeAdapter(annotation))) if has_rule else values
    if origin in (Union, UnionType):
        (inner,) = (argument for argument in arguments if argument is not NoneType)
        return _of(inner, metadata)
    if origin is tuple:
        # Most lists reject duplicates, and hypothesis often draws strings that occur in the tests.
        entries = _of(arguments[0], ())
        return st.lists(entries, min_size=limits.min_length, max_size=limits.max_length, unique_by=repr)
    if origin is dict:
        keys, values = (_of(argument, ()) for argument in arguments)
        return st.dictionaries(keys, values, max_size=limits.max_length)
    if origin is Literal:
        return st.sampled_from(arguments)
    return _of_class(annotation, limits)


def _is_accepted_by(form: TypeAdapter[Any]) -> Callable[[Any], bool]:
    def is_accepted(value: object) -> bool:
        try:
            form.validate_python(value)
        except ValidationError:
            return False
        return True

    return is_accepted


def _of_class(kind: type[Any], limits: _Limits) -> st.SearchStrategy[Any]:
    if kind is bool:
        return st.booleans()
    if kind in (int, float):
        return _numbers(kind, limits.least, limits.most)
    if kind is str:
        return _text(limits)
    if issubclass(kind, ConfigModel):
        return some_keys(kind)
    raise TypeError(f"no values are known for {kind}")


def _numbers(kind: type[float], least: float, most: float) -> st.SearchStrategy[Any]:
    whole = st.integers(math.ceil(least), math.floor(most)) if math.ceil(least) <= most else st.nothing()
    return whole if kind is int else st.floats(least, most) | whole


def _text(limits: _Limits) -> st.SearchStrategy[str]:
    if limits.pattern is not None:
        return st.from_regex(limits.pattern, fullmatch=True, alphabet=_LETTERS)
    return st.text(_LETTERS, min_size=limits.min_length, max_size=40)
