"""The contract of the API over real HTTPS: an invalid request is rejected, and stores nothing."""

import json
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest

from sd_on_eks.task_api.contract.schemas import schemas

ERROR = jsonschema.Draft202012Validator(schemas()["Error"])

pytestmark = pytest.mark.xdist_group("local_stack")


def body(content: Any = None, **metadata: Any) -> bytes:
    known = {"id": "a-task", "runtime": "sd", "tasktype": "text-to-image"} | metadata
    kept = {name: value for name, value in known.items() if value is not None}
    return json.dumps({"task": {"metadata": kept, "content": {"prompt": "x"} if content is None else content}}).encode()


WRONG: list[tuple[str, str, bytes, dict[str, str], int, str, str | None]] = [
    ("no key", "v1alpha2", body(), {"x-api-key": ""}, 401, "unauthorized", None),
    ("wrong key", "v1alpha2", body(), {"x-api-key": "nope"}, 401, "unauthorized", None),
    ("text", "v1alpha2", body(), {"content-type": "text/plain"}, 415, "unsupported_media_type", None),
    ("unknown route", "v1alpha9", body(), {}, 404, "unknown_route", None),
    ("unknown runtime", "v1alpha2", body(runtime="sdd"), {}, 404, "unknown_runtime", "task.metadata.runtime"),
    (
        "pipeline for sdwebui",
        "v1alpha2",
        body(tasktype="pipeline"),
        {},
        400,
        "invalid_request",
        "task.metadata.tasktype",
    ),
    ("not JSON", "v1alpha2", b"{", {}, 400, "invalid_json", None),
    ("deep", "v1alpha2", b"[" * 50_000, {}, 400, "invalid_json", None),
    ("twice", "v1alpha2", b'{"task": 1, "task": 2}', {}, 400, "invalid_json", None),
    ("not a number", "v1alpha2", b'{"task": NaN}', {}, 400, "invalid_json", None),
    ("surrogate", "v1alpha2", b'{"task": "\\ud800"}', {}, 400, "invalid_json", None),
    ("no task", "v1alpha2", b"{}", {}, 400, "invalid_request", "task"),
    ("no id", "v1alpha2", body(id=None), {}, 400, "invalid_request", "task.metadata.id"),
    ("bad id", "v1alpha2", body(id="a/b"), {}, 400, "invalid_request", "task.metadata.id"),
    ("bad prefix", "v1alpha2", body(prefix="uploads/x"), {}, 400, "invalid_request", "task.metadata.prefix"),
    ("unknown key", "v1alpha2", body(colour="red"), {}, 400, "invalid_request", "task.metadata.colour"),
    (
        "past",
        "v1alpha2",
        body(expires_at="2020-01-01T00:00:00Z"),
        {},
        400,
        "invalid_request",
        "task.metadata.expires_at",
    ),
    ("list", "v1alpha2", body(content=[1]), {}, 400, "invalid_request", "task.content"),
    ("no image", "v1alpha2", body(tasktype="image-to-image"), {}, 400, "invalid_request", "task.content.init_images"),
    (
        "editor's workflow",
        "v1alpha2",
        body({"nodes": [], "links": []}, runtime="comfy", tasktype="pipeline"),
        {},
        400,
        "invalid_request",
        "task.content",
    ),
    (
        "link to nowhere",
        "v1alpha2",
        body({"1": {"class_type": "X", "inputs": {"a": ["2", 0]}}}, runtime="comfy", tasktype="pipeline"),
        {},
        400,
        "invalid_request",
        "task.content.1.inputs.a",
    ),
    ("too many steps", "v1alpha2", body({"steps": 151}), {}, 400, "invalid_request", "task.content.steps"),
    ("size between blocks", "v1alpha2", body({"width": 500}), {}, 400, "invalid_request", "task.content.width"),
    (
        "link as image",
        "v1alpha2",
        body({"init_images": ["http://169.254.169.254/"]}, tasktype="image-to-image"),
        {},
        400,
        "invalid_request",
        "task.content.init_images[0]",
    ),
    (
        "no base64",
        "v1alpha2",
        body({"image": "not base64"}, tasktype="extra-single-image"),
        {},
        400,
        "invalid_request",
        "task.content.image",
    ),
    (
        "somebody else's upload",
        "v1alpha2",
        body(None).replace(b'"content": {"prompt": "x"}', b'"content_ref": "s3://another/uploads/a/b"'),
        {},
        400,
        "invalid_request",
        "task.content_ref",
    ),
    ("upload of nothing", "v1alpha2/uploads", b"{}", {}, 400, "invalid_request", "content_type"),
    (
        "unknown checkpoint",
        "v1alpha1",
        json.dumps(
            {"alwayson_scripts": {"task": "text-to-image", "id_task": "a", "sd_model_checkpoint": "v1-5.ckpt"}}
        ).encode(),
        {},
        404,
        "unknown_checkpoint",
        "alwayson_scripts.sd_model_checkpoint",
    ),
    ("no scripts", "v1alpha1", b'{"prompt": "x"}', {}, 400, "invalid_request", "alwayson_scripts"),
]


@pytest.mark.parametrize(
    ("path", "sent", "headers", "status", "code", "field"), [w[1:] for w in WRONG], ids=[w[0] for w in WRONG]
)
def test_fails_when_a_post_is_invalid(
    client: Any, path: str, sent: bytes, headers: dict[str, str], status: int, code: str, field: str | None
) -> None:
    before = client.records()
    answered, answer = client.request("POST", path, body=sent, headers=headers)
    assert (answered, answer["error"]["code"], answer["error"].get("field")) == (status, code, field)
    assert answer["error"]["message"]
    assert answer["error"]["request_id"]
    ERROR.validate(answer)
    assert client.records() == before


def test_fails_when_a_task_is_unknown(client: Any) -> None:
    status, answer = client.request("GET", "v1alpha2/tasks/never-submitted")
    assert (status, answer["error"]["code"]) == (404, "unknown_task")


def test_a_request_with_the_same_idempotency_key_gets_the_same_response_and_one_task(client: Any) -> None:
    sent = body(id="once")
    first = client.request("POST", "v1alpha2", body=sent, headers={"idempotency-key": "k-1"})
    after_first = client.records()
    second = client.request("POST", "v1alpha2", body=sent, headers={"Idempotency-Key": "k-1"})
    assert first == second
    assert client.records() == after_first


def test_fails_when_an_idempotency_key_is_used_with_another_body(client: Any) -> None:
    client.request("POST", "v1alpha2", body=body(id="twice"), headers={"idempotency-key": "k-2"})
    status, answer = client.request("POST", "v1alpha2", body=body(id="other"), headers={"idempotency-key": "k-2"})
    assert (status, answer["error"]["code"]) == (409, "idempotency_key_reused")


def test_no_log_has_a_key_or_a_prompt(client: Any, wait_for_prompt: Callable[[], None]) -> None:
    wait_for_prompt()
    logs = "".join(agent.log.read_text() for agent in client.stack.agents.values())
    functions = client.stack.emulator.client("logs")
    for group in functions.describe_log_groups()["logGroups"]:
        for event in functions.filter_log_events(logGroupName=group["logGroupName"])["events"]:
            logs += event["message"]
    assert "task_finished" in logs
    assert client.key not in logs
    assert "a secret prompt" not in logs


@pytest.fixture
def wait_for_prompt(client: Any) -> Callable[[], None]:
    return lambda: client.wait(client.submit({"prompt": "a secret prompt"})["id"])
