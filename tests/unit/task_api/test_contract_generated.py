"""The files that are generated from the schemas are up to date and complete, and agree with the code."""

import ast
import json
import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import jsonschema
import pytest
import schemathesis
from hypothesis import given
from hypothesis import strategies as st

from sd_on_eks.task_api.contract.error_codes import ERROR_CODES
from sd_on_eks.task_api.contract.openapi import openapi
from sd_on_eks.task_api.contract.operations import OPERATIONS
from sd_on_eks.task_api.contract.reference import EXAMPLES, reference_text
from sd_on_eks.task_api.contract.schemas import REFERENCE_PREFIX, resolved, schemas
from sd_on_eks.task_api.contract.sentences import must
from sd_on_eks.task_api.contract.validator import ENTRY_POINTS, VALIDATOR_FILE
from sd_on_eks.task_api.gateway_responses import GATEWAY_ERRORS
from sd_on_eks.task_api.handler.operations import Operations
from sd_on_eks.task_api.handler.routes import ROUTES
from task_record.object_keys import is_prefix

HANDLER = VALIDATOR_FILE.parent
KEYWORDS = {
    # Validation keywords, with the same meaning in draft-07 and 2020-12.
    *("type", "enum", "const", "required", "properties", "additionalProperties", "minProperties", "maxProperties"),
    *("items", "minItems", "maxItems", "minLength", "maxLength", "pattern"),
    *("minimum", "maximum", "exclusiveMinimum", "multipleOf"),
    *("allOf", "anyOf", "if", "then", "else", "not", "$ref"),
    # Annotations. Not `contentEncoding`: fastjsonschema would decode the value, and validate the bytes.
    *("description", "examples", "x-must", "format"),
}


def inner_schemas(schema: Any) -> Iterator[dict[str, Any]]:
    """A schema and all its subschemas."""
    if not isinstance(schema, dict):
        return
    yield schema
    for name, value in schema.items():
        if name == "properties":
            for inner in value.values():
                yield from inner_schemas(inner)
        elif name in {"allOf", "anyOf"}:
            for inner in value:
                yield from inner_schemas(inner)
        elif name in {"items", "if", "then", "else", "not", "additionalProperties"}:
            yield from inner_schemas(value)


@pytest.mark.parametrize("name", schemas())
def test_schemas_mean_the_same_in_both_drafts(name: str) -> None:
    schema = schemas()[name]
    jsonschema.Draft7Validator.check_schema(schema)
    jsonschema.Draft202012Validator.check_schema(schema)
    for inner in inner_schemas(schema):
        assert inner.keys() <= KEYWORDS, "a keyword that may have another meaning in one of the drafts"
        assert "$ref" not in inner or inner.keys() == {"$ref"}, "draft-07 ignores keywords beside $ref"


@pytest.mark.parametrize("name", schemas())
def test_every_field_is_described(name: str) -> None:
    for inner in inner_schemas(schemas()[name]):
        for field, given_schema in inner.get("properties", {}).items():
            schema = resolved(given_schema)
            described = schema.get("description") or schema.get("properties") or "const" in schema or "not" in schema
            assert described, f"{name}: {field}"


@pytest.mark.parametrize("name", [name for name, schema in schemas().items() if "examples" in schema])
def test_examples_of_a_schema_are_valid(name: str) -> None:
    validator = jsonschema.Draft202012Validator(
        {"$ref": f"{REFERENCE_PREFIX}{name}", "components": {"schemas": schemas()}}
    )
    for example in schemas()[name]["examples"]:
        validator.validate(example)


def test_the_validator_needs_nothing_but_the_handler() -> None:
    code = VALIDATOR_FILE.read_text("utf-8")
    imports = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert [ast.unparse(node).partition(" import ")[0] for node in imports] == [
        "import re",
        "from types",
        "from typing",
        "from .errors",
        "from .wrong_value",
    ]
    assert "fastjsonschema" not in code


@pytest.mark.parametrize("name", ENTRY_POINTS)
def test_every_entry_point_is_a_function(name: str) -> None:
    functions = [
        node.name for node in ast.parse(VALIDATOR_FILE.read_text("utf-8")).body if isinstance(node, ast.FunctionDef)
    ]
    assert name.lower() in {function.replace("_", "") for function in functions}


def test_the_openapi_document_is_valid() -> None:
    schemathesis.openapi.from_dict(openapi()).validate()


def test_the_openapi_document_has_key_errors_and_bodies_of_every_operation() -> None:
    document = openapi()
    assert document["components"]["securitySchemes"]["apiKey"] == {
        "type": "apiKey",
        "in": "header",
        "name": "x-api-key",
    }
    assert document["security"] == [{"apiKey": []}]
    for operation in OPERATIONS:
        described = document["paths"][operation.path][operation.method.lower()]
        assert ("requestBody" in described) == (operation.request is not None)
        assert {"200", "400", "401", "403", "429", "500", "502", "503", "504"} <= described["responses"].keys()
        assert ({"413", "415"} <= described["responses"].keys()) == (operation.request is not None)


def test_the_handler_has_each_operation_and_no_other() -> None:
    assert set(ROUTES.items()) == {(one.name, f"{one.method} {one.path}") for one in OPERATIONS}
    settings = SimpleNamespace(table_name="tasks", output_bucket="output")
    operations = Operations(settings, dynamodb=Mock(), s3=Mock(), now_ms=Mock())  # type: ignore[arg-type]  # fakes
    assert list(operations.routes) == list(ROUTES.values())


def test_every_code_of_the_gateway_is_listed() -> None:
    listed = {(code.status, code.code) for code in ERROR_CODES}
    assert {(error.status, error.code) for error in GATEWAY_ERRORS if error.status is not None} <= listed


def test_every_code_of_the_handler_is_listed_and_no_other() -> None:
    """Codes are literals: the second argument of ApiError, the first of not_found."""
    found = set()
    for file in HANDLER.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in {"ApiError", "not_found"}
            ):
                place = 1 if node.func.id == "ApiError" else 0
                if isinstance(code := node.args[place], ast.Constant):
                    found.add(code.value)
    of_gateway = {error.code for error in GATEWAY_ERRORS}
    assert {code.code for code in ERROR_CODES} == found | of_gateway


@given(
    st.text(alphabet="ab.~-_/\n üpayloadsrk", max_size=12) | st.sampled_from(["uploads", "parked/x", "a" * 513, "a//b"])
)
def test_prefixes_follow_the_rule_of_the_record(text: str) -> None:
    schema = schemas()["Prefix"]
    ours = len(text) <= schema["maxLength"] and re.search(schema["pattern"].replace("$", r"\Z"), text) is not None
    assert ours == (text == "" or is_prefix(text))


def test_schemas_have_the_values_of_the_record() -> None:
    assert schemas()["TaskId"]["pattern"] == r"^[A-Za-z0-9][A-Za-z0-9._~-]{0,127}$"
    assert schemas()["Status"]["enum"] == ["queued", "running", "completed", "failed", "cancelled"]
    of_sdwebui = ["text-to-image", "image-to-image", "extra-single-image", "extra-batch-images"]
    assert schemas()["Tasktype"]["enum"] == [*of_sdwebui, "pipeline"]
    routing = schemas()["SubmitV1alpha1"]["properties"]["alwayson_scripts"]["properties"]
    assert routing["task"]["enum"] == of_sdwebui
    assert schemas()["Tasktype"]["description"] == (
        "Type of the task. An sdwebui runtime runs `text-to-image` and `image-to-image`, and as an extension "
        "`extra-single-image` and `extra-batch-images`; a comfyui runtime runs `pipeline`."
    )


def test_no_schema_has_an_unknown_placeholder() -> None:
    assert "${" not in json.dumps(schemas())


def test_the_reference_has_every_example_unchanged() -> None:
    page = reference_text()
    files = [file for file in EXAMPLES.iterdir() if file.suffix in {".sh", ".py", ".mjs"}]
    assert len(files) > 40
    for file in files:
        assert file.read_text("utf-8").removeprefix("#!/usr/bin/env bash\n").rstrip() in page, file.name


def test_the_reference_has_every_field_and_code() -> None:
    page = reference_text()
    for operation in OPERATIONS:
        assert f"`{operation.method} {operation.path}`" in page
    for code in ERROR_CODES:
        assert f"| {code.status} | `{code.code}` |" in page
    for name in ("Generation", "TextToImage", "ImageToImage", "ExtraImages", "TaskMetadata", "Task", "Callback"):
        for part in (schemas()[name], *schemas()[name].get("allOf", ())):
            for field in part.get("properties", ()):
                assert re.search(rf"[`.]{field}`", page), f"{name}.{field}"


def test_every_link_of_the_reference_has_a_target() -> None:
    page = reference_text()
    headings = {
        re.sub(r"[^\w-]", "", title.lower().replace(" ", "-")) for title in re.findall(r"^#+ (.*)$", page, re.MULTILINE)
    }
    for target in re.findall(r"\]\(([^)]+)\)", page):
        if target.startswith("#"):
            assert target[1:] in headings, target
        else:
            assert (EXAMPLES.parent / target).exists(), target


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "integer", "minimum": 1, "maximum": 150}, "be a whole number from 1 to 150"),
        (
            {"type": "integer", "minimum": 8, "maximum": 64, "multipleOf": 8},
            "be a whole number from 8 to 64, a multiple of 8",
        ),
        ({"type": "number", "exclusiveMinimum": 0, "maximum": 8}, "be a number more than 0 and at most 8"),
        ({"type": ["boolean", "null"]}, "be true or false"),
        ({"type": "string", "minLength": 1}, "be a non-empty string"),
        ({"type": "string", "maxLength": 9}, "be a string of at most 9 characters"),
        ({"type": "array", "minItems": 1, "maxItems": 4}, "be a list of 1 to 4"),
        ({"enum": ["a", "b", "c"]}, "be a, b or c"),
        ({"type": "string", "pattern": "^x$", "x-must": "be x"}, "be x"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_rule_of_a_schema_is_put_into_words(schema: dict[str, Any], words: str) -> None:
    assert must(schema) == words


def test_fails_when_a_schema_cannot_be_put_into_words() -> None:
    with pytest.raises(TypeError, match="must have x-must, or keywords that can be put into words, got {'not': {}}"):
        must({"not": {}})
