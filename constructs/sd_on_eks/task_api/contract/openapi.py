"""The OpenAPI 3.1 document."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from sd_on_eks.task_api.contract.error_codes import ERROR_CODES, ErrorCode
from sd_on_eks.task_api.contract.operations import (
    CODES_OF_EVERY_BODY,
    CODES_OF_EVERY_OPERATION,
    OPERATIONS,
    Operation,
    Parameter,
)
from sd_on_eks.task_api.contract.request_examples import REQUEST_EXAMPLES
from sd_on_eks.task_api.contract.schemas import REFERENCE_PREFIX, schemas

OPENAPI_FILE: Final = Path(__file__).resolve().parents[4] / "docs" / "openapi.json"

_RETRIED: Final = frozenset({429, 500, 502, 503, 504})
_HANDLER_ONLY: Final = "TaskEnvelope"


def openapi_text() -> str:
    """The content of the file."""
    return json.dumps(openapi(), indent=2, ensure_ascii=False) + "\n"


def openapi() -> dict[str, Any]:
    """The document."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Stable Diffusion on EKS: tasks",
            "version": "v1alpha2",
            "description": "Submit tasks to Stable Diffusion runtimes, get their status and results, and cancel them.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [
            {
                "url": "https://{api}.execute-api.{region}.amazonaws.com/{stage}",
                "description": "The stack's output FrontApiEndpoint.",
                "variables": {
                    "api": {"default": "abcdefghij"},
                    "region": {"default": "us-east-1"},
                    "stage": {"default": "prod"},
                },
            }
        ],
        "security": [{"apiKey": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"}},
            "headers": {
                "RetryAfter": {
                    "description": "Seconds to wait before you send the request again.",
                    "schema": {"type": "integer", "minimum": 1},
                }
            },
            "schemas": {name: schema for name, schema in schemas().items() if name != _HANDLER_ONLY},
        },
    }


def codes_of(operation: Operation) -> list[ErrorCode]:
    """The errors that an operation can return, in the order of `ERROR_CODES`."""
    names = {*CODES_OF_EVERY_OPERATION, *operation.codes, *(CODES_OF_EVERY_BODY if operation.request else ())}
    return [one for one in ERROR_CODES if one.code in names]


def answer_example(operation: Operation) -> Any:  # noqa: ANN401 (a JSON value)
    """An example of an operation's response."""
    return operation.answer_example or schemas()[operation.answer]["examples"][0]


def _operation(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": operation.description,
        "parameters": [_parameter(parameter) for parameter in operation.parameters],
        "responses": {
            "200": {"description": "Success.", "content": _json(operation.answer, {"done": answer_example(operation)})},
            **_errors(codes_of(operation)),
        },
    }
    if operation.request is not None:
        body = _json(operation.request, REQUEST_EXAMPLES[operation.name])
        described["requestBody"] = {"required": True, "content": body}
    return described


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.required,
        "description": parameter.description,
        "schema": parameter.schema,
        "example": parameter.example,
    }


def _errors(codes: list[ErrorCode]) -> dict[str, Any]:
    by_status: dict[int, list[ErrorCode]] = {}
    for code in codes:
        by_status.setdefault(code.status, []).append(code)
    return {str(status): _error(status, found) for status, found in by_status.items()}


def _error(status: int, codes: list[ErrorCode]) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "description": "\n".join(f"- `{code.code}`: {code.meaning}" for code in codes),
        "content": _json("Error"),
    }
    if status in _RETRIED:
        answer["headers"] = {"Retry-After": {"$ref": "#/components/headers/RetryAfter"}}
    return answer


def _json(schema: str, examples: Mapping[str, Any] | None = None) -> dict[str, Any]:
    media: dict[str, Any] = {"schema": {"$ref": f"{REFERENCE_PREFIX}{schema}"}}
    if examples:
        media["examples"] = {name: {"value": value} for name, value in examples.items()}
    return {"application/json": media}
