"""What API Gateway does itself: keys and their limits, unknown routes, CORS."""

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
import urllib3

pytestmark = pytest.mark.xdist_group("local_stack")

ROOT = Path(__file__).parents[2]
PAGE = "https://app.example.com"


def send(client: Any, method: str, path: str, headers: dict[str, str]) -> urllib3.BaseHTTPResponse:
    """Send a request with only these headers."""
    reply: urllib3.BaseHTTPResponse = client.http.request(
        method, client.stack.deployment.endpoint_url + path, headers=headers
    )
    return reply


def error_in(reply: urllib3.BaseHTTPResponse) -> dict[str, Any]:
    """The error of a response, which must have only the fields of the contract."""
    body = json.loads(reply.data)
    assert body.keys() == {"error"}
    error: dict[str, Any] = body["error"]
    assert error.keys() == {"code", "message", "request_id"}
    assert all(error.values())
    assert reply.headers["Content-Type"] == "application/json"
    return error


def submit(client: Any, key: str) -> str:
    """Submit a task with a key; returns its id."""
    task_id = f"t-{uuid.uuid4().hex[:12]}"
    task = {
        "metadata": {"id": task_id, "runtime": "sd", "tasktype": "text-to-image"},
        "content": {"prompt": "x", "steps": 1},
    }
    status, answer = client.request(
        "POST", "v1alpha2", body=json.dumps({"task": task}).encode(), headers={"x-api-key": key}
    )
    assert status == 200, answer
    return task_id


def send_bytes(client: Any, body: bytes, key: str) -> urllib3.BaseHTTPResponse:
    """Send a POST request with a JSON body."""
    reply: urllib3.BaseHTTPResponse = client.http.request(
        "POST",
        client.stack.deployment.endpoint_url + "v1alpha2",
        body=body,
        headers={"x-api-key": key, "content-type": "application/json"},
    )
    return reply


def test_the_key_of_a_plan_submits_and_sees_its_tasks(client: Any) -> None:
    key = client.key_of("studio")
    task_id = submit(client, key)
    status, task = client.request("GET", f"v1alpha2/tasks/{task_id}", headers={"x-api-key": key})
    assert (status, task["id"]) == (200, task_id)


@pytest.mark.parametrize(("submitter", "reader"), [("studio", None), (None, "studio"), ("studio", "trial")])
def test_a_key_does_not_see_tasks_of_another_key(client: Any, submitter: str | None, reader: str | None) -> None:
    keys = [client.key if plan is None else client.key_of(plan) for plan in (submitter, reader)]
    task_id = submit(client, keys[0])
    status, answer = client.request("GET", f"v1alpha2/tasks/{task_id}", headers={"x-api-key": keys[1]})
    assert (status, answer["error"]["code"]) == (404, "unknown_task")


def test_tasks_of_a_plan_belong_to_its_tenant_and_not_to_its_key(client: Any) -> None:
    task_id = submit(client, client.key_of("studio"))
    found = client.stack.emulator.dynamodb().query(
        TableName=client.stack.deployment.table_name,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": f"T#studio#{task_id}"}},
    )
    assert found["Count"] > 0


@pytest.mark.parametrize("headers", [{}, {"x-api-key": ""}, {"x-api-key": "nope"}])
def test_fails_when_the_key_is_missing_or_invalid(client: Any, headers: dict[str, str]) -> None:
    reply = send(client, "GET", "v1alpha2/tasks/a", headers)
    assert (reply.status, error_in(reply)["code"]) == (401, "unauthorized")


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "v1alpha9"), ("GET", "v1alpha2"), ("DELETE", "v1alpha2/tasks/a"), ("GET", "")]
)
def test_fails_when_the_route_is_unknown(client: Any, method: str, path: str) -> None:
    reply = send(client, method, path, {"x-api-key": client.key})
    assert (reply.status, error_in(reply)["code"]) == (404, "unknown_route")


def test_fails_when_a_key_sends_faster_than_its_plan_allows(client: Any) -> None:
    key = client.key_of("slow")
    replies = [send(client, "GET", "v1alpha2/tasks/a", {"x-api-key": key}) for _ in range(20)]
    refused = [reply for reply in replies if reply.status != 404]
    assert {(reply.status, error_in(reply)["code"], reply.headers["Retry-After"]) for reply in refused} == {
        (429, "throttled", "1")
    }


def test_fails_when_a_quota_is_used_up(client: Any) -> None:
    key = client.key_of("trial")
    replies = [send(client, "GET", "v1alpha2/tasks/a", {"x-api-key": key}) for _ in range(3)]
    assert (replies[-1].status, error_in(replies[-1])["code"]) == (429, "quota_exceeded")
    assert int(replies[-1].headers["Retry-After"]) > 60  # an immediate retry is rejected immediately


def test_fails_when_a_body_is_too_large_for_lambda(client: Any) -> None:
    # A quote has two bytes in the event, where the body is a string.
    for body in (b" " * 6_291_456, b'"' * 3_145_728):
        reply = send_bytes(client, body, client.key)
        assert (reply.status, error_in(reply)["code"]) == (413, "too_large")
    assert send_bytes(client, b'"' * 3_100_000, client.key).status == 400


@pytest.mark.parametrize(("extra", "status"), [(0, 401), (1, 413)])
def test_fails_when_a_body_is_too_large_for_the_gateway_with_any_key(client: Any, extra: int, status: int) -> None:
    reply = send_bytes(client, b" " * (10_485_760 + extra), "nope")
    assert reply.status == status
    if extra:
        assert reply.data == b"HTTP content length exceeded 10485760 bytes."


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("v1alpha1", "POST"),
        ("v1alpha2", "POST"),
        ("v1alpha2/tasks", "GET"),
        ("v1alpha2/tasks/a", "GET"),
        ("v1alpha2/tasks/a/cancel", "POST"),
        ("v1alpha2/uploads", "POST"),
    ],
)
def test_a_preflight_request_needs_no_key(client: Any, path: str, method: str) -> None:
    reply = send(client, "OPTIONS", path, {"Origin": PAGE, "Access-Control-Request-Method": method})
    assert reply.status == 204
    assert reply.headers["Access-Control-Allow-Origin"] == PAGE
    assert reply.headers["Access-Control-Allow-Methods"] == method
    assert {"X-Api-Key", "Content-Type", "Idempotency-Key"} == {
        *reply.headers["Access-Control-Allow-Headers"].split(",")
    }


@pytest.mark.parametrize(("with_key", "status"), [(False, 401), (True, 404)])
def test_a_page_may_read_an_error(client: Any, with_key: bool, status: int) -> None:
    headers = {"Origin": PAGE, **({"x-api-key": client.key} if with_key else {})}
    reply = send(client, "GET", "v1alpha2/tasks/never-submitted", headers)
    assert (reply.status, reply.headers["Access-Control-Allow-Origin"]) == (status, PAGE)
    assert reply.headers["Access-Control-Expose-Headers"] == "Retry-After"


def test_conformance_holds_and_skips_what_the_emulator_does_not_support(client: Any) -> None:
    done = subprocess.run(  # noqa: S603 (our own script)
        [
            *(sys.executable, str(ROOT / "scripts" / "test_api.py"), client.stack.deployment.stack_name),
            *("--conformance", "--json", "--timeout", "60"),
        ],
        env={**os.environ, **client.stack.environment()},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    findings = json.loads(done.stdout)
    assert {finding["check"] for finding in findings if finding["outcome"] == "skipped"} == {
        "an upload is accepted only as declared",
        "a disabled key returns 401",
        "the account has a logging role, and the access log has no key",
        "a presigned URL is valid until its expires_at",
        "too many requests return 429 with Retry-After",
    }
    assert len(findings) == 15
