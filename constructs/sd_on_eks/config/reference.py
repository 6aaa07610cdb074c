"""docs/configuration.md: the reference of all configuration keys."""

import json
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from sd_on_eks.config.schema import config_schema
from sd_on_eks.config.values import PATTERN_WORDS

REFERENCE_FILE: Final = Path(__file__).resolve().parents[3] / "docs" / "configuration.md"

_Schema = dict[str, Any]

_INTRODUCTION: Final = """\
# Configuration

<!-- Written by `make generate`; change the models in constructs/sd_on_eks/config instead. -->

All keys of `config.yaml`: type, allowed values, default, meaning, and the reason for the default.

- Only keys marked as required must be present. In an optional mapping, they are required only if you write the mapping.
- A path with `[]` is a list: `modelsRuntime[].name` is the `name` of each entry of `modelsRuntime`.
- If a key has no default value, its description states what happens when you omit the key.
- Unknown keys are rejected, and values are not converted: write `"1"` for a string and `1` for a number.
- Some keys depend on each other. `cdk synth` checks these rules and reports the line of each key that violates one.
"""

_SHORT: Final = 20
"""Length below which a field's description only repeats its name, and the description of its type says more."""

_LINE: Final = 120


def reference_text() -> str:
    """The contents of docs/configuration.md."""
    schema = config_schema()
    page = _Page(schema["$defs"])
    lines = [*_INTRODUCTION.splitlines(), "", "## Top level", ""]
    lines += page.keys(schema, prefix="")
    return "\n".join(lines).rstrip() + "\n"


class _Page:
    """Lines of Markdown for parts of the schema."""

    def __init__(self, definitions: dict[str, _Schema]) -> None:
        self._definitions = definitions

    def keys(self, model: _Schema, prefix: str) -> Iterator[str]:
        """The keys of a mapping: first those with plain values, so that each is below the heading of its mapping."""
        sections: list[tuple[str, _Schema, _Schema, bool]] = []
        for name, field in model["properties"].items():
            path, required = f"{prefix}{name}", name in model.get("required", ())
            inner = self._inner_model(field)
            if inner is None:
                yield f"- **`{path}`**: {_facts(field, required=required)}"
                yield ""
                yield from _paragraph(_words(field), indent="  ")
            else:
                sections.append((path, field, inner, required))
        for path, field, inner, required in sections:
            yield from self._section(path, field, inner, required=required)

    def _section(self, path: str, field: _Schema, inner: _Schema, *, required: bool) -> Iterator[str]:
        is_list = _value(field).get("type") == "array"
        here = f"{path}[]" if is_list else path
        yield f"{'###' if '.' in path or '[' in path else '##'} `{here}`"
        yield ""
        facts = _facts(field, required=required) if is_list else f"mapping. {'Required.' if required else 'Optional.'}"
        yield f"A {facts}"
        yield ""
        yield from _paragraph(_section_words(field, inner))
        yield from self.keys(inner, prefix=f"{here}.")

    def _inner_model(self, field: _Schema) -> _Schema | None:
        """The schema of the mapping, if a field or its list entries are mappings of known keys."""
        value = _value(field)
        reference = value.get("$ref") or value.get("items", {}).get("$ref")
        return self._definitions[reference.rsplit("/", 1)[1]] if reference else None


def _value(field: _Schema) -> _Schema:
    """A field's schema without the null that represents an omitted key."""
    choices = [one for one in field.get("anyOf", ()) if one.get("type") != "null"]
    return choices[0] if choices else field


def _facts(field: _Schema, *, required: bool) -> str:
    """Type, bounds and default: `whole number, 1 to 10. Default: 2.`."""
    default = field.get("default")
    if required:
        presence = "Required."
    elif default is None or default in ([], {}):
        presence = "Optional."
    else:
        presence = f"Default: `{_as_yaml(default)}`."
    return f"{_type_words(_value(field))}. {presence}"


def _type_words(value: _Schema) -> str:
    if "enum" in value:
        return _one_of(value["enum"])
    match value.get("type"):
        case "boolean":
            return "`true` or `false`"
        case "integer":
            return f"whole number{_bounds(value)}"
        case "number":
            return f"number{_bounds(value)}"
        case "string":
            form = _form(value)
            return f"string; {form}" if form else "string"
        case "array":
            return _list_words(value["items"], _count(value, "Items"))
        case "object":
            ((key, inner),) = value["patternProperties"].items()
            forms = _each("key", {"pattern": key}) + _each("value", inner)
            return f"mapping of strings{_count(value, 'Properties')}{forms}"
    raise TypeError(f"there are no words for the type of {value}")


def _one_of(values: list[str]) -> str:
    *first, last = (f"`{value}`" for value in values)
    return f"{', '.join(first)} or {last}" if first else last


def _list_words(item: _Schema, count: str) -> str:
    if "$ref" in item:
        return f"list of mappings{count}"
    if "enum" in item:
        return f"list of strings{count}; each entry must be {_one_of(item['enum'])}"
    return f"list of strings{count}{_each('entry', item)}"


def _each(what: str, value: _Schema) -> str:
    form = _form(value)
    return f"; each {what} {form}" if form else ""


def _form(value: _Schema) -> str:
    """The format of a string."""
    if value.get("pattern"):
        return f"must {_escaped(PATTERN_WORDS[value['pattern']])}"
    if "maxLength" in value:
        return f"must have {value.get('minLength', 0)} to {value['maxLength']} characters"
    return ""


def _bounds(value: _Schema) -> str:
    if "exclusiveMinimum" in value:
        return f", more than {_number(value['exclusiveMinimum'])} and at most {_number(value['maximum'])}"
    return f", {_number(value['minimum'])} to {_number(value['maximum'])}"


def _count(value: _Schema, what: str) -> str:
    least, most = value.get(f"min{what}"), value.get(f"max{what}")
    if least is not None and most is not None:
        return f", {least} to {most} entries"
    if least is not None:
        return f", {least} or more"
    return f", at most {most} entries" if most is not None else ""


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)


def _as_yaml(default: object) -> str:
    """A default in YAML, without keys that are not set."""
    match default:
        case str():
            return default
        case float():
            return _number(default)
        case list():
            return json.dumps([_without_nulls(one) for one in default])
    return json.dumps(default)


def _without_nulls(value: object) -> object:
    return {key: one for key, one in value.items() if one is not None} if isinstance(value, dict) else value


def _words(schema: _Schema) -> str:
    return _escaped(" ".join(str(schema.get("description", "")).split()))


def _section_words(field: _Schema, inner: _Schema) -> str:
    """The description of a mapping: that of its type, then that of the field, without repetition."""
    about_type = re.sub(r"^`[^`]+`(: |\.)", "", _words(inner))
    about_type = about_type[:1].upper() + about_type[1:]
    here = _words(field)
    if not about_type:
        return here
    if len(here) < _SHORT or here in about_type:
        return about_type
    return f"{about_type} {here}"


def _paragraph(text: str, indent: str = "") -> Iterator[str]:
    """A paragraph and an empty line."""
    yield from textwrap.wrap(
        text,
        width=_LINE,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    yield ""


def _escaped(text: str) -> str:
    return text.replace("<", "&lt;")
