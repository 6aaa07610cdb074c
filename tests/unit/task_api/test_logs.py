"""Logs: what happened, and never data of requests or responses."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from sd_on_eks.task_api.handler import entry_point

PROMPT, KEY, HEADER, IDEMPOTENCY_KEY, DETAIL = "a-prompt", "an-api-key", "a-header", "an-idempotency-key", "a-detail"
SECRETS = (PROMPT, KEY, HEADER, IDEMPOTENCY_KEY, DETAIL, "X-Amz-", "https://")
HEADERS = {
    "Content-Type": "application/json",
    "X-Api-Key": KEY,
    "Authorization": HEADER,
    "Cookie": HEADER,
    "Idempotency-Key": IDEMPOTENCY_KEY,
}
NAME = "01JDM6ZC5V8Q4W2N7R3T9X1Y0Z"
UPLOAD = {"content_type": "image/png", "content_length": 5}
DENIED = ClientError(
    {"Error": {"Code": "AccessDeniedException", "Message": f"{PROMPT} {DETAIL}"}, "ResponseMetadata": {}},  # type: ignore[typeddict-item] # what the handler reads
    "TransactWriteItems",
)


class Failing:
    def __init__(self, error: Exception) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Any:
        return self._fail

    def _fail(self, **_: Any) -> Any:
        raise self._error


def v1alpha1(**more: Any) -> str:
    scripts = {"task": "text-to-image", "id_task": "t1", "sd_model_checkpoint": "v1-5.safetensors", **more}
    return json.dumps({"prompt": PROMPT, "alwayson_scripts": scripts})


def shown(api: Any) -> Any:
    api.complete(api.submit())
    status, answer, headers = api.send("GET", "/v1alpha2/tasks/t1", headers=HEADERS)
    assert "X-Amz-Signature" in answer["results"][0]["url"]
    return status, answer, headers


def ended(api: Any) -> Any:
    api.complete(api.submit())
    return api.send("POST", "/v1alpha2/tasks/t1/cancel", headers=HEADERS)


def submitted_then(api: Any, method: str, path: str, **more: Any) -> Any:
    api.submit()
    return api.send(method, path, headers=HEADERS, **more)


def reused(api: Any) -> Any:
    api.post(content={"prompt": PROMPT}, headers=HEADERS)
    return api.post({"id": "t2"}, {"prompt": PROMPT}, headers=HEADERS)


def referring(api: Any) -> Any:
    metadata = {"id": "t1", "runtime": "sd", "tasktype": "text-to-image"}
    body = {"task": {"metadata": metadata, "content_ref": f"s3://output/uploads/key1/{NAME}"}}
    return api.send("POST", "/v1alpha2", json.dumps(body), headers=HEADERS)


Request = Callable[[Any], Any]
REQUESTS: dict[str, tuple[int, Request]] = {
    "submit": (200, lambda api: api.post({"context": PROMPT}, {"prompt": PROMPT}, headers=HEADERS)),
    "submit with an offloaded body": (200, lambda api: api.post({}, {"prompt": PROMPT * 50_000}, headers=HEADERS)),
    "submit to v1alpha1": (200, lambda api: api.send("POST", "/v1alpha1", v1alpha1(uid=PROMPT), headers=HEADERS)),
    "show": (200, shown),
    "show with its position": (
        200, lambda api: submitted_then(api, "GET", "/v1alpha2/tasks/t1", query={"position": "1"})),
    "list": (200, lambda api: submitted_then(api, "GET", "/v1alpha2/tasks", query={"runtime": "sd"})),
    "cancel": (200, lambda api: submitted_then(api, "POST", "/v1alpha2/tasks/t1/cancel")),
    "upload": (200, lambda api: api.send("POST", "/v1alpha2/uploads", json.dumps(UPLOAD), headers=HEADERS)),
    "prompt in the wrong place": (400, lambda api: api.post({PROMPT: PROMPT}, {"prompt": PROMPT}, headers=HEADERS)),
    "prompt as an id": (400, lambda api: api.post({"id": f"{PROMPT} !"}, headers=HEADERS)),
    "prompt as a node": (
        400, lambda api: api.post({"runtime": "comfy", "tasktype": "pipeline"}, {PROMPT: {}}, headers=HEADERS)),
    "prompt as a script": (
        400, lambda api: api.send("POST", "/v1alpha1", v1alpha1(task=PROMPT), headers=HEADERS)),
    "prompt as a runtime": (404, lambda api: api.post({"runtime": PROMPT}, headers=HEADERS)),
    "prompt as a parameter": (
        400, lambda api: submitted_then(api, "GET", "/v1alpha2/tasks", query={PROMPT: PROMPT})),
    "prompt as a cursor": (
        400, lambda api: submitted_then(api, "GET", "/v1alpha2/tasks", query={"runtime": "sd", "next": PROMPT})),
    "no JSON": (400, lambda api: api.send("POST", "/v1alpha2", PROMPT, headers=HEADERS)),
    "duplicate key": (
        400, lambda api: api.send("POST", "/v1alpha2", f'{{"{PROMPT}": 1, "{PROMPT}": 2}}', headers=HEADERS)),
    "unsupported media type": (415, lambda api: api.post(headers=HEADERS | {"Content-Type": f"text/{HEADER}"})),
    "upload of an invalid type": (
        400, lambda api: api.send(
            "POST", "/v1alpha2/uploads", json.dumps(UPLOAD | {"content_type": PROMPT}), headers=HEADERS)),
    "upload that does not exist": (400, referring),
    "unknown task": (404, lambda api: api.send("GET", "/v1alpha2/tasks/t9", headers=HEADERS)),
    "unknown route": (404, lambda api: api.send("GET", f"/v3/{PROMPT}", headers=HEADERS)),
    "cancel of an ended task": (409, ended),
    "key with another body": (409, reused),
    "key too long": (400, lambda api: api.post(headers=HEADERS | {"Idempotency-Key": IDEMPOTENCY_KEY * 99})),
}  # fmt: skip


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """Returns all logs and metrics as they are written."""
    formatter = entry_point.logger.registered_formatter

    def read() -> str:
        lines = [formatter.format(record) for record in caplog.records]
        captured = capsys.readouterr()
        return "\n".join([*lines, captured.out, captured.err])

    return read


def assert_no_secret(text: str) -> None:
    assert not [secret for secret in SECRETS if secret in text], text


@pytest.mark.parametrize(("status", "send"), REQUESTS.values(), ids=REQUESTS)
def test_no_data_of_a_request_or_response_is_logged(
    api: Any, logged: Callable[[], str], status: int, send: Request
) -> None:
    assert send(api)[0] == status
    text = logged()
    # The request is counted, so there is output that could have data of it.
    assert "CloudWatchMetrics" in text
    assert_no_secret(text)


def test_a_full_queue_is_logged_without_data_of_the_request(make_api: Any, logged: Callable[[], str]) -> None:
    api = make_api(
        runtimes=[{"name": "sd", "type": "sdwebui", "model_filename": "v1-5.safetensors", "backlog_limit": 1}]
    )
    api.post(content={"prompt": PROMPT})
    assert api.post(content={"prompt": PROMPT}, headers=HEADERS)[0] == 429
    text = logged()
    assert '"code":"backlog_full"' in text
    assert_no_secret(text)


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (DENIED, "TransactWriteItems: AccessDeniedException"),
        (ReadTimeoutError(endpoint_url=f"https://{DETAIL}"), "ReadTimeoutError"),
    ],
    ids=["denied", "no response"],
)
@pytest.mark.parametrize("failing", ["dynamodb", "s3"])
def test_the_cause_of_a_failed_call_is_logged_and_nothing_else(
    make_api: Any, logged: Callable[[], str], failing: str, error: Exception, cause: str
) -> None:
    api = make_api(**{failing: Failing(error)})
    status, answer, _ = api.post({"context": PROMPT}, {"prompt": PROMPT * 50_000}, headers=HEADERS)
    assert status == 503
    text = logged()
    assert f'"cause":"{cause}"' in text
    assert_no_secret(text + json.dumps(answer))


def test_the_location_of_an_unexpected_error_is_logged_without_data_of_the_request(
    make_api: Any, logged: Callable[[], str]
) -> None:
    api = make_api(dynamodb=Failing(RuntimeError(f"{PROMPT} {DETAIL}")))
    status, answer, headers = api.post(content={"prompt": PROMPT}, headers=HEADERS)
    assert (status, answer["error"]["code"], headers["Retry-After"]) == (500, "internal", "1")
    text = logged()
    assert '"exception_name":"RuntimeError"' in text
    assert "submit.py" in text
    assert '"Unhandled":[1.0]' in text
    assert_no_secret(text + json.dumps(answer))
