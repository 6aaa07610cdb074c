"""Any request gets a response that the contract and the OpenAPI document allow."""

import base64
import json
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from sd_on_eks.task_api.contract.openapi import openapi
from sd_on_eks.task_api.contract.operations import OPERATIONS, Operation
from sd_on_eks.task_api.contract.request_examples import REQUEST_EXAMPLES
from sd_on_eks.task_api.contract.schemas import REFERENCE_PREFIX, resolved, schemas
from tests.unit.task_api.conftest import routed
from tests.unit.task_api.generated_requests import CONTENTS, REQUESTS, Request, mutated, submits, submits_v1alpha1

SAMPLE_AND_SOAK = [25, pytest.param(300, marks=pytest.mark.soak)]
"""How many examples: moto copies the table at each transaction, so that they cost more the more there are."""

DOCUMENT = openapi()
IMAGE = base64.b64encode(b"an image!").decode()
UPLOADED = "s3://sd-output/uploads/k1a2b3c4d5/01KAVR2M5T8Z3N6W1Q4Y7H0C2E"
"""The upload of the examples; the test replaces it with an existing one."""


def validator(name: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator({"$ref": f"{REFERENCE_PREFIX}{name}", "components": {"schemas": schemas()}})


VALIDATORS = {name: validator(name) for name in {"Error", *(operation.answer for operation in OPERATIONS)}}


def check_response(method: str, path: str, status: int, answer: dict[str, Any]) -> None:
    """Check that the document has the response for the route."""
    described = DOCUMENT["paths"].get(routed(path)[0], {}).get(method.lower())
    if described is None:
        assert (status, answer["error"]["code"]) == (404, "unknown_route")
        return
    response = described["responses"][str(status)]
    schema = response["content"]["application/json"]["schema"]["$ref"].removeprefix(REFERENCE_PREFIX)
    VALIDATORS[schema].validate(answer)
    if status != 200:
        assert f"`{answer['error']['code']}`" in response["description"]


def send(api: Any, request: Request) -> tuple[int, dict[str, Any]]:
    status, answer, _ = api.send(
        request.method,
        request.path,
        request.body,
        headers=request.headers,
        query=request.query,
        key=request.key,
        base64_encoded=request.base64_encoded,
    )
    check_response(request.method, request.path, status, answer)
    return status, answer


def check_any(api: Any, request: Request) -> None:
    api.calls.clear()
    status, answer = send(api, request)
    assert status < 500, answer
    # The write itself detects a reused Idempotency-Key.
    if status not in {200, 409}:
        assert not {"TransactWriteItems", "PutObject"} & set(api.calls)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(request=REQUESTS)
def test_any_request_gets_a_response_of_the_contract(api: Any, request: Request) -> None:
    check_any(api, request)


@pytest.mark.soak
@pytest.mark.parametrize(
    "number", range(250)
)  # each starts with an empty table: moto copies the table in every transaction
def test_any_of_many_requests_gets_a_response_of_the_contract(api: Any, number: int) -> None:
    @seed(number)
    @settings(max_examples=400, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(request=REQUESTS)
    def each(request: Request) -> None:
        check_any(api, request)

    each()


@pytest.mark.parametrize("examples", SAMPLE_AND_SOAK)
def test_a_valid_request_is_accepted(api: Any, examples: int) -> None:
    @settings(max_examples=examples, suppress_health_check=list(HealthCheck))
    @given(
        request=submits().map(lambda body: Request("POST", "/v1alpha2", json.dumps(body)))
        | submits_v1alpha1().map(lambda body: Request("POST", "/v1alpha1", json.dumps(body)))
    )
    def each(request: Request) -> None:
        status, answer = send(api, request)
        assert status == 200, answer

    each()


def upload(api: Any, body: bytes, name: str = "a") -> str:
    api.s3.put_object(Bucket="output", Key=f"uploads/key1/{name}", Body=body)
    return f"s3://output/uploads/key1/{name}"


METADATA = {
    tasktype: {"id": "t1", "runtime": "comfy" if tasktype == "pipeline" else "sd", "tasktype": tasktype}
    for tasktype in CONTENTS
}


@pytest.mark.parametrize("examples", SAMPLE_AND_SOAK)
def test_uploaded_content_is_validated_like_content_of_the_request(api: Any, examples: int) -> None:
    @settings(max_examples=examples, suppress_health_check=list(HealthCheck))
    @given(tasktype=st.sampled_from(sorted(CONTENTS)), data=st.data())
    def each(tasktype: str, data: st.DataObject) -> None:
        content = data.draw(mutated(CONTENTS[tasktype]).filter(lambda value: isinstance(value, dict)))
        metadata = METADATA[tasktype]
        inline = api.send("POST", "/v1alpha2", json.dumps({"task": {"metadata": metadata, "content": content}}))
        reference = upload(api, json.dumps(content).encode())
        uploaded = api.send("POST", "/v1alpha2", json.dumps({"task": {"metadata": metadata, "content_ref": reference}}))
        assert inline[0] == uploaded[0]
        if inline[0] != 200 and inline[1]["error"]["code"] != "invalid_json":
            assert inline[1] == uploaded[1]

    each()


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "Expecting value"),
        (b"[]", "must refer to a JSON object: got a list"),
        (b"\xff", "is not UTF-8"),
        (b'{"a": 1, "a": 2}', "the key 'a' must be unique"),
        (b'{"a": NaN}', "NaN is not valid JSON"),
        (b'{"a": 1e999}', "too large for a double"),
        (b'{"a": "\\ud800"}', "lone surrogate"),
        (b'{"a":' * 200 + b"1" + b"}" * 200, "nested at most 100 levels deep"),
    ],
    ids=["empty", "list", "bytes", "duplicate", "not a number", "infinite", "surrogate", "deep"],
)
def test_fails_when_an_upload_is_not_a_json_object(api: Any, body: bytes, why: str) -> None:
    task = {"metadata": METADATA["text-to-image"], "content_ref": upload(api, body)}
    status, answer, _ = api.send("POST", "/v1alpha2", json.dumps({"task": task}))
    error = answer["error"]
    assert (status, error["code"], error["field"]) == (400, "invalid_json", "task.content_ref")
    assert error["message"].startswith("task.content_ref: must refer to a JSON object: ")
    assert why in error["message"]
    assert api.items() == []


def test_a_whole_number_may_have_a_decimal_point(api: Any) -> None:
    # JSON has one type of number, and JSON Schema treats 512.0 as an integer.
    request = Request("POST", "/v1alpha2/uploads", '{"content_type": "image/png", "content_length": 512.0}')
    status, answer = send(api, request)
    assert (status, answer["headers"]["Content-Length"]) == (200, "512")


def test_every_response_has_only_documented_fields(api: Any) -> None:
    body = json.dumps({"task": {"metadata": METADATA["text-to-image"] | {"context": {"a": 1}}, "content": {}}})
    v1alpha1 = {
        "alwayson_scripts": {"task": "text-to-image", "id_task": "t2", "sd_model_checkpoint": "v1-5.safetensors"}
    }
    sent = [
        Request("POST", "/v1alpha2", body),
        Request("GET", "/v1alpha2/tasks/t1", query={"position": "1"}),
        Request("GET", "/v1alpha2/tasks", query={"runtime": "sd"}),
        Request("POST", "/v1alpha2/tasks/t1/cancel"),
        Request("POST", "/v1alpha2/uploads", '{"content_type": "image/png", "content_length": 1}'),
        Request("POST", "/v1alpha1", json.dumps(v1alpha1)),
    ]
    assert {(one.method, routed(one.path)[0]) for one in sent} == {(one.method, one.path) for one in OPERATIONS}
    for request in sent:
        status, answer = send(api, request)
        assert status == 200, answer
        operation = next(
            one for one in OPERATIONS if (one.method, one.path) == (request.method, routed(request.path)[0])
        )
        assert answer.keys() <= documented(operation.answer), "a response has a field that is not documented"


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        pytest.param(operation, body, id=f"{operation.name}, {name}")
        for operation in OPERATIONS
        for name, body in REQUEST_EXAMPLES.get(operation.name, {}).items()
    ],
)
def test_an_example_of_the_document_is_accepted(make_api: Any, operation: Operation, body: Any) -> None:
    checkpoint = "v1-5-pruned-emaonly.safetensors"
    runtimes = [
        {"name": "sdruntime", "type": "sdwebui", "model_filename": checkpoint, "dynamic_model": False},
        {"name": "comfyui", "type": "comfyui", "model_filename": None, "dynamic_model": False},
    ]
    api = make_api(runtimes=runtimes)
    content = json.dumps({"init_images": [IMAGE]}).encode()
    sent = json.dumps(body).replace(UPLOADED, upload(api, content))
    status, answer = send(api, Request(operation.method, operation.path, sent))
    assert status == 200, answer


def test_a_completed_task_has_only_documented_fields(api: Any) -> None:
    api.complete(api.submit())
    status, answer = send(api, Request("GET", "/v1alpha2/tasks/t1"))
    assert (status, answer["status"]) == (200, "completed")
    assert answer.keys() <= documented("Task")


def documented(name: str) -> set[str]:
    schema = schemas()[name]
    return {field for part in (schema, *schema.get("allOf", ())) for field in resolved(part).get("properties", ())}
