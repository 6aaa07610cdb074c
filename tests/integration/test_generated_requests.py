"""Valid and invalid requests, generated from the OpenAPI document, over real HTTPS: all responses follow the document.

Every task that was accepted ends: it is completed, failed or cancelled afterwards.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

pytestmark = pytest.mark.xdist_group("local_stack")

DOCUMENT = json.loads((Path(__file__).parents[2] / "docs" / "openapi.json").read_text())
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
Send = Callable[[int, int], None]


def cases() -> st.SearchStrategy[Any]:
    """A request to any operation; half of them are invalid."""
    found = schemathesis.openapi.from_dict(DOCUMENT).get_all_operations()
    operations = [one.ok() for one in found if isinstance(one, Ok)]
    assert len(operations) == sum(len(methods) for methods in DOCUMENT["paths"].values())
    return st.one_of(
        *(
            operation.as_strategy(generation_mode=mode)
            for operation in operations
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
        )
    )


def name_a_runtime(case: Any) -> None:
    """Set an existing runtime: the document has no names, and nearly all requests would be rejected otherwise."""
    try:
        metadata = case.body["task"]["metadata"]
        metadata["runtime"] = "comfy" if metadata["tasktype"] == "pipeline" else "sd"
    except (KeyError, TypeError):
        return  # it is invalid in another way


@pytest.fixture
def send(client: Any) -> Send:
    """Send a number of requests that are generated from a seed."""
    session, ca_bundle = requests.Session(), str(client.stack.emulator.ca_bundle)
    url = client.stack.deployment.endpoint_url

    def run(count: int, number: int) -> None:
        @seed(number)
        @settings(max_examples=count, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
        @given(case=cases())
        def each(case: Any) -> None:
            name_a_runtime(case)
            answer = case.call(base_url=url, session=session, headers={"x-api-key": client.key}, verify=ca_bundle)
            case.validate_response(answer, checks=CHECKS)

        each()

    return run


def unended(client: Any) -> int:
    """Number of tasks that have not ended."""
    table = client.stack.deployment.table_name
    page = client.stack.emulator.dynamodb().scan(
        TableName=table, FilterExpression="attribute_exists(#open)", ExpressionAttributeNames={"#open": "open"}
    )
    return len(page["Items"])


def wait_for_all(client: Any, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while left := unended(client):
        client.stack.check()
        assert time.monotonic() < deadline, f"{left} tasks have no end"
        time.sleep(0.5)


def test_generated_requests_get_documented_responses(client: Any, send: Send) -> None:
    send(120, 1)
    wait_for_all(client, 120)


@pytest.mark.soak
@pytest.mark.parametrize("number", range(3))
def test_many_generated_requests_get_documented_responses(client: Any, send: Send, number: int) -> None:
    send(500, 100 + number)
    wait_for_all(client, 600)
