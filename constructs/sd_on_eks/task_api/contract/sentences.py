"""The rule of a schema in words, which complete the error message "must ..."."""

from typing import Any

from sd_on_eks.task_api.contract.lists import listed
from sd_on_eks.task_api.contract.schemas import Schema


def must(schema: Schema) -> str:
    """The rule for a value, such as `be a whole number from 1 to 150`.

    Raises:
        TypeError: the keywords of the schema cannot be put into words; it needs `x-must`.
    """
    if "x-must" in schema:
        return str(schema["x-must"])
    if "enum" in schema:
        return f"be {listed([str(value) for value in schema['enum']], 'or')}"
    match json_type(schema):
        case "integer":
            return f"be a whole number{_bounds(schema)}{_step(schema)}"
        case "number":
            return f"be a number{_bounds(schema)}"
        case "boolean":
            return "be true or false"
        case "string":
            return _text(schema)
        case "array":
            return f"be a list{_bounds(schema, 'Items')}"
        case "object":
            return "be an object"
    raise TypeError(f"schema: must have x-must, or keywords that can be put into words, got {schema}")


def json_type(schema: Schema) -> str | None:
    """The type of a value other than null; a field that is null counts as left out."""
    named = schema.get("type")
    named = [named] if isinstance(named, str) else (named or [])
    return next((one for one in named if one != "null"), None)


def _text(schema: Schema) -> str:
    if "maxLength" in schema:
        return f"be a string of at most {schema['maxLength']} characters"
    return "be a non-empty string" if schema.get("minLength") else "be a string"


def _bounds(schema: Schema, of: str = "imum") -> str:
    least, most = schema.get(f"min{of}"), schema.get(f"max{of}")
    if "exclusiveMinimum" in schema:
        return f" more than {_number(schema['exclusiveMinimum'])} and at most {_number(most)}"
    if least is not None and most is not None:
        return f" from {_number(least)} to {_number(most)}" if of == "imum" else f" of {least} to {most}"
    return f" of at least {_number(least)}" if least is not None else ""


def _number(value: Any) -> str:  # noqa: ANN401 (a JSON number)
    return str(value)


def _step(schema: Schema) -> str:
    return f", a multiple of {schema['multipleOf']}" if "multipleOf" in schema else ""
