"""What is wrong in a request is told with its field, and leaves no record and no object."""

import json
from typing import Any

import pytest

ROUTING = {"task": "text-to-image", "id_task": "t1", "sd_model_checkpoint": "v1-5.safetensors"}
SCRIPTS = "alwayson_scripts"
LARGE = "x" * 300_000
"""Too large for a message: what is parked before it is checked would be found."""


def v1alpha1(scripts: Any = None, **body: Any) -> tuple[str, Any]:
    return "/v1alpha1", {"prompt": LARGE, SCRIPTS: ROUTING | (scripts or {}), **body}


def v1alpha2(content: Any = None, **metadata: Any) -> tuple[str, Any]:
    known = {"id": "t1", "runtime": "sd", "tasktype": "text-to-image"} | metadata
    return "/v1alpha2", {"task": {"metadata": known, "content": {"prompt": LARGE} if content is None else content}}


def pipeline(**nodes: Any) -> tuple[str, Any]:
    return v1alpha2(nodes, runtime="comfy", tasktype="pipeline")


CASES: dict[str, tuple[tuple[str, Any], int, str, str, str]] = {
    "runtime nearly right": (
        v1alpha2(runtime="confy"), 404, "unknown_runtime", "task.metadata.runtime", "did you mean 'comfy'?"),
    "runtime no text": (v1alpha2(runtime=1), 400, "invalid_request", "task.metadata.runtime", "got the number 1"),
    "kind of another runtime": (
        v1alpha2(tasktype="pipeline"), 400, "invalid_request", "task.metadata.tasktype", "allowed: text-to-image"),
    "id too long": (v1alpha2(id="a" * 129), 400, "invalid_request", "task.metadata.id", "1 to 128"),
    "id begins wrong": (v1alpha2(id=".a"), 400, "invalid_request", "task.metadata.id", "begin with"),
    "id of two lines": (v1alpha2(id="a\n"), 400, "invalid_request", "task.metadata.id", "must be"),
    "prefix climbs": (v1alpha2(prefix="a/../b"), 400, "invalid_request", "task.metadata.prefix", "segments"),
    "prefix reserved": (v1alpha2(prefix="payloads"), 400, "invalid_request", "task.metadata.prefix", "payloads"),
    "prefix too long": (v1alpha2(prefix="a" * 513), 400, "invalid_request", "task.metadata.prefix", "512"),
    "context too large": (v1alpha2(context="x" * 16_384), 400, "invalid_request", "task.metadata.context", "16384"),
    "expires too late": (
        v1alpha2(expires_at="2999-01-01T00:00:00Z"), 400, "invalid_request", "task.metadata.expires_at", "3600 s"),
    "expires no time": (v1alpha2(expires_at="soon"), 400, "invalid_request", "task.metadata.expires_at", "got 'soon'"),
    "expires true": (v1alpha2(expires_at=True), 400, "invalid_request", "task.metadata.expires_at", "got a boolean"),
    "expires beyond time": (v1alpha2(expires_at=10**400), 400, "invalid_request", "task.metadata.expires_at", "future"),
    "content a list": (v1alpha2([LARGE]), 400, "invalid_request", "task.content", "got a list"),
    "image a link": (
        v1alpha2({"init_images": [LARGE, "http://a/b"]}, tasktype="image-to-image"),
        400, "invalid_request", "task.content.init_images[1]", "got a http:// link"),
    "images none": (
        v1alpha2({"init_images": []}, tasktype="image-to-image"),
        400, "invalid_request", "task.content.init_images", "at least one"),
    "workflow empty": (pipeline(), 400, "invalid_request", "task.content", "at least one node"),
    "workflow of the editor": (pipeline(nodes=[], links=[]), 400, "invalid_request", "task.content", "API format"),
    "node without class": (pipeline(a={"inputs": {}}), 400, "invalid_request", "task.content.a", "class_type"),
    "node with a list of inputs": (
        pipeline(a={"class_type": "X", "inputs": [LARGE]}), 400, "invalid_request", "task.content.a.inputs", "object"),
    "scripts none": (("/v1alpha1", {"prompt": LARGE}), 400, "invalid_request", SCRIPTS, "must be an object"),
    "checkpoint none": (
        v1alpha1({"sd_model_checkpoint": ""}), 400, "invalid_request", f"{SCRIPTS}.sd_model_checkpoint", "non-empty"),
    "v1alpha1 kind": (v1alpha1({"task": "pipeline"}), 400, "invalid_request", f"{SCRIPTS}.task", "allowed:"),
    "v1alpha1 id": (v1alpha1({"id_task": "a b"}), 400, "invalid_request", f"{SCRIPTS}.id_task", "letters"),
    "v1alpha1 place": (v1alpha1({"save_dir": "/a"}), 400, "invalid_request", f"{SCRIPTS}.save_dir", "segments"),
    "v1alpha1 image": (v1alpha1({"task": "image-to-image"}), 400, "invalid_request", "init_images", "at least one"),
}  # fmt: skip


@pytest.mark.parametrize(("sent", "status", "code", "field", "message"), CASES.values(), ids=CASES)
def test_fails_when_a_request_is_wrong(
    api: Any, sent: tuple[str, Any], status: int, code: str, field: str, message: str
) -> None:
    path, body = sent
    answered, answer, _ = api.send("POST", path, json.dumps(body))
    error = answer["error"]
    assert (answered, error["code"], error.get("field")) == (status, code, field)
    assert message in error["message"]
    assert (api.items(), api.objects()) == ([], [])


@pytest.mark.parametrize("key", ["", "k" * 257, "a\nb"], ids=["empty", "too long", "two lines"])
def test_fails_when_an_idempotency_key_is_none(api: Any, key: str) -> None:
    answered, answer, _ = api.post(headers={"Content-Type": "application/json", "Idempotency-Key": key})
    assert (answered, answer["error"]["field"]) == (400, "Idempotency-Key")
    assert api.items() == []
