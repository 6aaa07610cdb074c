"""The generated validator accepts what the schemas accept, and reports errors as the contract describes them."""

from collections.abc import Callable
from functools import cache
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema.protocols import Validator

from sd_on_eks.task_api.contract.schemas import REFERENCE_PREFIX, schemas
from sd_on_eks.task_api.handler import request_schema
from sd_on_eks.task_api.handler.errors import ApiError
from tests.unit.task_api.generated_requests import CONTENTS, JSON, UPLOADS, mutated, submits, submits_v1alpha1

CHECKED: list[tuple[str, Callable[[Any, str], None], st.SearchStrategy[Any]]] = [
    ("TaskEnvelope", request_schema.task_envelope, submits()),
    ("SubmitV1alpha1", request_schema.submit_v1alpha1, submits_v1alpha1()),
    ("TextToImage", request_schema.text_to_image, CONTENTS["text-to-image"]),
    ("ImageToImage", request_schema.image_to_image, CONTENTS["image-to-image"]),
    ("ExtraSingleImage", request_schema.extra_single_image, CONTENTS["extra-single-image"]),
    ("ExtraBatchImages", request_schema.extra_batch_images, CONTENTS["extra-batch-images"]),
    ("Pipeline", request_schema.pipeline, CONTENTS["pipeline"]),
    ("UploadRequest", request_schema.upload_request, UPLOADS),
]


def ended(schema: Any) -> Any:
    """A schema whose patterns end as in ECMA 262: `$` of Python also matches before a line break at the end."""
    if isinstance(schema, dict):
        return {
            name: value.replace("$", r"\Z") if name == "pattern" and isinstance(value, str) else ended(value)
            for name, value in schema.items()
        }
    return [ended(one) for one in schema] if isinstance(schema, list) else schema


@cache
def validators(name: str) -> tuple[Validator, Validator]:
    schema = {"allOf": [{"$ref": f"{REFERENCE_PREFIX}{name}"}], "components": {"schemas": ended(schemas())}}
    return jsonschema.Draft7Validator(schema), jsonschema.Draft202012Validator(schema)


def error_of(check: Callable[[Any, str], None], value: Any) -> ApiError | None:
    try:
        check(value, ".body")
    except ApiError as error:
        return error
    return None


@pytest.mark.parametrize(("name", "check", "right"), CHECKED, ids=[name for name, _, _ in CHECKED])
@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow, HealthCheck.differing_executors])
@given(data=st.data())
def test_validator_agrees_with_the_schema_in_both_drafts(
    name: str, check: Callable[[Any, str], None], right: st.SearchStrategy[Any], data: st.DataObject
) -> None:
    value = data.draw(mutated(right) | JSON)
    error = error_of(check, value)
    assert [validator.is_valid(value) for validator in validators(name)] == [error is None] * 2
    if error is not None:
        field = str(error.field)
        assert (error.status, error.code) == (400, "invalid_request")
        assert field == "body" or field.startswith(("body.", "body["))
        assert error.message.startswith(f"{field}: ")
        assert len(error.message) < 1000


@pytest.mark.parametrize(("name", "check", "right"), CHECKED, ids=[name for name, _, _ in CHECKED])
@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow, HealthCheck.differing_executors])
@given(data=st.data())
def test_a_valid_value_is_accepted(
    name: str, check: Callable[[Any, str], None], right: st.SearchStrategy[Any], data: st.DataObject
) -> None:
    assert error_of(check, data.draw(right)) is None, name


CONTENT_CHECKS: dict[str, Callable[[Any, str], None]] = {
    "text-to-image": request_schema.text_to_image,
    "image-to-image": request_schema.image_to_image,
    "extra-single-image": request_schema.extra_single_image,
    "extra-batch-images": request_schema.extra_batch_images,
    "pipeline": request_schema.pipeline,
}


def is_accepted(body: Any) -> bool:
    """Whether the handler accepts a body: first its envelope, then its content by the task type."""
    if error_of(request_schema.task_envelope, body) is not None:
        return False
    task = body["task"]
    check = CONTENT_CHECKS[task["metadata"]["tasktype"]]
    return "content" not in task or error_of(check, task["content"]) is None


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(body=mutated(submits()) | JSON)
def test_schema_of_a_submit_accepts_what_the_checks_of_envelope_and_content_accept(body: Any) -> None:
    assert [validator.is_valid(body) for validator in validators("SubmitTask")] == [is_accepted(body)] * 2


def message_of(check: Callable[[Any, str], None], value: Any) -> str:
    with pytest.raises(ApiError) as caught:
        check(value, "")
    return caught.value.message


def test_the_first_invalid_entry_is_always_reported() -> None:
    graph = {f"n{number}": {"class_type": "X", "inputs": {}} for number in range(50)} | {"bad": 1, "worse": 2}
    assert {message_of(request_schema.pipeline, graph) for _ in range(5)} == {
        "bad: must be a node with class_type and inputs, got the number 1"
    }


def test_a_long_key_and_value_are_shortened_in_the_message() -> None:
    message = message_of(request_schema.pipeline, {"k" * 10_000: "v" * 10_000})
    assert message == (f"{'k' * 60}: must be a node with class_type and inputs, got '{'v' * 60}'... (10000 characters)")


def test_a_value_is_not_changed_by_its_check() -> None:
    value = {"content_type": "image/png", "content_length": 5.0}
    request_schema.upload_request(value, "")
    assert value == {"content_type": "image/png", "content_length": 5.0}
