"""Load `config.yaml` as a `Config`, and report all errors at once, each with its line and what to write."""

import copy
import difflib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from sd_on_eks.config import document
from sd_on_eks.config.config import Config
from sd_on_eks.config.document import Document, dotted, read_document
from sd_on_eks.config.errors import ConfigError, Problem
from sd_on_eks.config.existing_solution import keys as existing_solution
from sd_on_eks.config.rules.violation import RuleError
from sd_on_eks.config.values import PATTERN_WORDS

ENVIRONMENT_VARIABLE: Final = "CDK_CONFIG_PATH"
_CONVERTER: Final = "`python scripts/convert_config.py`"
_DEFAULT: Final = Path(__file__).resolve().parents[3] / "config.yaml"


def load_config(path: Path | None = None, environment: Mapping[str, str] = os.environ) -> Config:
    """Load the configuration.

    Args:
        path: the file; by default the one in `CDK_CONFIG_PATH`, or else `config.yaml` next to `app.py`.
        environment: the environment variables to read `CDK_CONFIG_PATH` from.

    Raises:
        ConfigError: the configuration is invalid; contains all errors.
    """
    named = environment.get(ENVIRONMENT_VARIABLE)
    file = path or (Path(named) if named else _DEFAULT)
    name = file.name if file == _DEFAULT else str(file)
    return parse_config(_read(file, name), name)


def parse_config(text: str, file: str) -> Config:
    """Read a configuration from YAML.

    Args:
        text: the YAML.
        file: its name in error messages.

    Raises:
        ConfigError: the configuration is invalid; contains all errors.
    """
    read = read_document(text, file)
    try:
        return _config(read.value)
    except ValidationError as error:
        raise ConfigError(file, [*_problems(error.errors(), read), *_of_the_existing_solution(error, read)]) from error


def _config(value: object) -> Config:
    # Validated as JSON: strict mode then accepts lists for tuples, and still does not convert strings to numbers.
    return Config.model_validate_json(json.dumps(value, default=str))


def _read(file: Path, name: str) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        message = f"does not exist; set {ENVIRONMENT_VARIABLE} to use another file"
        raise ConfigError(name, [Problem(0, "", message)]) from error
    except UnicodeDecodeError as error:
        raise ConfigError(name, [Problem(0, "", f"must be UTF-8, got an invalid byte at {error.start}")]) from error
    except OSError as error:
        raise ConfigError(name, [Problem(0, "", f"cannot be read: {error.strerror}")]) from error


def _problems(errors: list[ErrorDetails], read: Document) -> Iterator[Problem]:
    places = [tuple(details["loc"]) for details in errors]
    for details in errors:
        place = tuple(details["loc"])
        # pydantic also reports a list with an invalid item as too short: invalid items do not count.
        follows = details["type"] == "too_short" and any(
            len(one) > len(place) and one[: len(place)] == place for one in places
        )
        error = details.get("ctx", {}).get("error")
        if isinstance(error, RuleError):
            for violation in error.violations:
                yield Problem(read.line_of(violation.path), dotted(violation.path), violation.message)
        elif not follows:
            # pydantic marks an error in a mapping's key, as opposed to its value, with an additional element.
            path: document.Path = place[:-1] if place and place[-1] == "[key]" else place
            yield Problem(read.line_of(path), dotted(path), _message(details, path, read))


def _of_the_existing_solution(error: ValidationError, read: Document) -> Iterator[Problem]:
    """Further errors of a file with keys of the existing solution, which hide these errors until they are removed."""
    places = [tuple(details["loc"]) for details in error.errors() if details["type"] == "extra_forbidden"]
    old = [place for place in places if existing_solution.sentence_of(place)]
    if len(old) > 1:
        yield Problem(0, "", f"has keys of the existing solution; {_CONVERTER} converts it (docs/migration.md)")
    try:
        _config(_without(old, read.value))
    except ValidationError as hidden:
        rules = [details for details in hidden.errors() if isinstance(details.get("ctx", {}).get("error"), RuleError)]
        yield from _problems(rules, read)


def _without(places: Sequence[document.Path], value: Any) -> Any:  # noqa: ANN401 (any YAML value)
    remaining = copy.deepcopy(value)
    for *parents, key in places:
        inner = remaining
        for part in parents:
            inner = inner[part]
        inner.pop(key)
    return remaining


def _message(details: ErrorDetails, path: document.Path, read: Document) -> str:
    kind, context = details["type"], details.get("ctx", {})
    if kind == "extra_forbidden":
        return unknown_key(path)
    if (without_quotes := read.sources.get(path)) and (words := _in_quotes(details, without_quotes)):
        return words
    if kind == "missing":
        return "is missing"
    if kind == "value_error":
        return str(context["error"])
    wanted = _WANTED[kind](context) if kind in _WANTED else details["msg"].lower()
    return f"must {wanted}, got {_shown(details['input'])}"


_WANTED: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "bool_type": lambda _: "be true or false",
    "dict_type": lambda _: "be a mapping of keys",
    "finite_number": lambda _: "be a finite number",
    "float_type": lambda _: "be a number",
    "greater_than": lambda context: f"be more than {context['gt']:g}",
    "greater_than_equal": lambda context: f"be {context['ge']:g} or more",
    "int_type": lambda _: "be a whole number",
    "less_than_equal": lambda context: f"be {context['le']:g} or less",
    "literal_error": lambda context: "be " + str(context["expected"]).replace("'", ""),
    "model_type": lambda _: "be a mapping of keys",
    "string_pattern_mismatch": lambda context: PATTERN_WORDS[str(context["pattern"])],
    "string_too_long": lambda context: f"have at most {context['max_length']} characters",
    "string_too_short": lambda _: "not be empty",
    "string_type": lambda _: "be a string",
    "too_long": lambda context: f"have at most {context['max_length']} entries",
    "too_short": lambda context: (
        "not be empty" if context["min_length"] == 1 else f"have at least {context['min_length']} entries"
    ),
    "tuple_type": lambda _: "be a list",
}
"""The rule for each type of error that pydantic reports: https://docs.pydantic.dev/latest/errors/validation_errors/"""


def _in_quotes(details: ErrorDetails, source: str) -> str:
    """The message for a number, a date or the like that must be quoted; empty if quotes are not enough."""
    if details["type"] == "string_type":
        return f'must be a string, got {source[:80]} without quotes: write "{source[:80]}"'
    if details["type"] == "literal_error":
        allowed = str(details["ctx"]["expected"]).replace("'", '"')
        if '"' in allowed and not isinstance(yaml.safe_load(allowed.split('"')[1]), str):
            return f"must be {allowed}, in quotes, got {source[:80]} without"
    return ""


_NEAR_AN_OLD_KEY: Final = 0.8
"""Similarity (0-1) above which an unknown key counts as a misspelled key of the existing solution, which is rare."""


def unknown_key(path: document.Path) -> str:
    """The message about an unknown key, without its place."""
    key = str(path[-1])
    if sentence := existing_solution.sentence_of(path):
        return sentence
    known = known_keys(path[:-1])
    old = existing_solution.names_below(path[:-1])
    nearest = difflib.get_close_matches(key, sorted({*known, *old}), n=1, cutoff=0.5)
    if nearest and nearest[0] not in known and not difflib.get_close_matches(key, nearest, cutoff=_NEAR_AN_OLD_KEY):
        nearest = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    if not nearest:
        nearest = [one for one in known if one.lower() == key.lower()]
    if not nearest:
        return f"is unknown; allowed: {', '.join(known)}"
    (name,) = nearest
    if name in known:
        return f"is unknown; did you mean {name}?"
    moved = existing_solution.old_key((*path[:-1], name))
    here = moved.here.rpartition(".")[2] if moved is not None else ""
    if here in known:
        return f"is unknown; did you mean {here}?"
    advice = str(existing_solution.advice_of((*path[:-1], name)))
    return f"is unknown; did you mean `{name}`, a key of the existing solution? {advice[0].upper()}{advice[1:]}"


def known_keys(path: document.Path) -> list[str]:
    """Keys that a configuration can have below a path; empty if it is not a mapping of known keys."""
    models: list[type[BaseModel]] = [Config]
    for part in path:
        if not isinstance(part, int):
            fields = [field for model in models for field in model.model_fields.values() if field.alias == part]
            models = [inner for field in fields for inner in _models_in(field.annotation)]
    return sorted(field.alias for model in models for field in model.model_fields.values() if field.alias is not None)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401 (a type expression)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _models_in(argument)


def _shown(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case str():
            return f'"{value[:80]}"'
        case dict():
            return "a mapping"
        case list() | tuple():
            return "a list" if value else "an empty list"
    return str(value)[:80]
