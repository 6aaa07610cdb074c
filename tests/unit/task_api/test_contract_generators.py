"""The OpenAPI document uses only what client generators support, which is less than JSON Schema.

tests/integration/test_generated_clients.py runs three generators; the rules that they need are tested here.
"""

from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from sd_on_eks.task_api.contract.openapi import answer_example, openapi
from sd_on_eks.task_api.contract.operations import OPERATIONS, Operation
from sd_on_eks.task_api.contract.request_examples import REQUEST_EXAMPLES
from sd_on_eks.task_api.contract.schemas import CONTENTS, REFERENCE_PREFIX, Schema

DOCUMENT = openapi()
SCHEMAS: dict[str, Schema] = DOCUMENT["components"]["schemas"]
WITH_BODY = [operation for operation in OPERATIONS if operation.request is not None]


def found_in(place: str, schema: Schema) -> Iterator[tuple[str, Schema]]:
    """A schema and all subschemas that generators read, by their path."""
    yield place, schema
    for name, field in schema.get("properties", {}).items():
        yield from found_in(f"{place}.{name}", field)
    for keyword in ("allOf", "anyOf"):
        for number, part in enumerate(schema.get(keyword, ())):
            yield from found_in(f"{place}.{keyword}[{number}]", part)
    for keyword in ("items", "additionalProperties"):
        if isinstance(inner := schema.get(keyword), dict):
            yield from found_in(f"{place}.{keyword}", inner)


FOUND = [found for name, component in SCHEMAS.items() for found in found_in(name, component)]


def of_requests() -> set[str]:
    """Components that request bodies refer to."""
    known: set[str] = set()
    waiting = [str(operation.request) for operation in WITH_BODY]
    while waiting:
        name = waiting.pop()
        if name not in known:
            known.add(name)
            references = [schema["$ref"] for _, schema in found_in(name, SCHEMAS[name]) if "$ref" in schema]
            waiting += [reference.removeprefix(REFERENCE_PREFIX) for reference in references]
    return known


def types(schema: Schema) -> list[str]:
    named = schema.get("type", [])
    return [named] if isinstance(named, str) else named


def test_every_array_has_items() -> None:
    assert [place for place, schema in FOUND if "array" in types(schema) and "items" not in schema] == []


def test_every_constant_has_a_type() -> None:
    assert [place for place, schema in FOUND if "const" in schema and "type" not in schema] == []


def test_a_schema_extends_another_with_an_own_part_of_all_of() -> None:
    beside = {"type", "properties", "required"}
    assert [place for place, schema in FOUND if "allOf" in schema and beside & schema.keys()] == []
    assert [place for place, schema in FOUND if len(schema.get("allOf", "ab")) < 2] == [], "an allOf with one part"


def test_an_object_with_any_names_has_a_schema_of_its_values() -> None:
    any_names = [
        (place, schema)
        for place, schema in FOUND
        if "object" in types(schema) and not {"properties", "anyOf"} & schema.keys()
    ]
    assert [place for place, schema in any_names if "additionalProperties" not in schema] == []


def test_an_object_of_a_request_has_additional_properties_set() -> None:
    names = of_requests()
    assert [
        place
        for place, schema in FOUND
        if place.partition(".")[0] in names
        if "object" in types(schema) and ".allOf" not in place
        if not {"additionalProperties", "anyOf"} & schema.keys()
    ] == []


def test_a_content_is_one_of_the_bodies() -> None:
    content = SCHEMAS["SubmitTask"]["properties"]["task"]["properties"]["content"]
    assert content["anyOf"] == [{"$ref": f"{REFERENCE_PREFIX}{name}"} for name in CONTENTS.values()]


def validator(schema: Schema) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator({"allOf": [schema], "components": DOCUMENT["components"]})


def described(operation: Operation) -> dict[str, Any]:
    found: dict[str, Any] = DOCUMENT["paths"][operation.path][operation.method.lower()]
    return found


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_operation_has_valid_examples(operation: Operation) -> None:
    description = described(operation)
    for parameter in description["parameters"]:
        validator(parameter["schema"]).validate(parameter["example"])
    bodies = [description["responses"]["200"], *([description["requestBody"]] if operation.request else [])]
    for body in bodies:
        media = body["content"]["application/json"]
        assert media["examples"]
        for example in media["examples"].values():
            validator(media["schema"]).validate(example["value"])


def test_every_task_type_has_an_example() -> None:
    tasktypes = {body["task"]["metadata"]["tasktype"] for body in REQUEST_EXAMPLES["submitTask"].values()}
    assert tasktypes == CONTENTS.keys()


def test_the_example_response_of_cancel_is_a_cancelled_task() -> None:
    (cancel,) = (operation for operation in OPERATIONS if operation.name == "cancelTask")
    assert answer_example(cancel)["status"] == "cancelled"
