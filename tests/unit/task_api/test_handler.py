"""The handler of the task API: what a submit stores, what is rejected, and the responses to arbitrary bodies."""

import base64
import hashlib
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sd_on_eks.task_api.handler.body import Body
from sd_on_eks.task_api.handler.errors import ApiError
from sd_on_eks.task_api.handler.payload_store import PayloadStore
from sd_on_eks.task_api.handler.runtimes import Runtime
from sd_on_eks.task_api.handler.submit import Submitter
from sd_on_eks.task_api.handler.task_request import TaskRequest
from task_record import table
from task_record.attribute_values import to_attribute_values
from task_record.message import MESSAGE_MAX_BYTES, PayloadRef, decode_message
from task_record.protocol_times import ProtocolTimes
from task_record.transitions import renew

TIMES = ProtocolTimes()


def test_submit_stores_record_and_message(api: Any) -> None:
    status, answer, _ = api.post({"prefix": "a/b/", "context": {"n": 1.5}})
    assert status == 200
    assert answer == {
        "id": "t1",
        "id_task": "t1",
        "submission": answer["submission"],
        "runtime": "sd",
        "output_location": "s3://output/a/b/t1/",
    }
    (record,), (body,) = api.records("S#"), api.records("B#")
    assert (record[table.OWNER], record[table.STATUS], record[table.PREFIX]) == ("key1", "queued", "a/b")
    message = decode_message(body[table.MESSAGE])
    assert (message.submission, message.owner, message.content) == (answer["submission"], "key1", {"prompt": "x"})


def test_every_submit_is_a_new_task(api: Any) -> None:
    first, second = api.post()[1], api.post()[1]
    assert first["submission"] != second["submission"]
    assert len(api.records("S#")) == 2


def test_a_large_body_is_offloaded_unchanged(api: Any) -> None:
    sent = json.dumps({"task": {"metadata": {"id": "t1", "runtime": "sd", "tasktype": "text-to-image"},
                                "content": {"prompt": "x" * 300_000}}}, indent=1)  # fmt: skip
    assert api.send("POST", "/v1alpha2", sent)[0] == 200
    (key,) = api.objects()
    assert key.startswith("payloads/key1/")
    assert api.s3.get_object(Bucket="output", Key=key)["Body"].read() == sent.encode()
    message = decode_message(api.records("B#")[0][table.MESSAGE])
    assert message.payload is not None
    assert (message.payload.url, message.payload.pointer) == (f"s3://output/{key}", "/task/content")


def inline(api: Any) -> bool:
    return decode_message(api.records("B#")[0][table.MESSAGE]).payload is None


@pytest.mark.parametrize(("more", "is_inline"), [(0, True), (1, False)])
@pytest.mark.parametrize("character", ["x", "ä"])
def test_a_message_is_as_large_as_sns_accepts_with_its_attributes(
    api: Any, character: str, more: int, is_inline: bool
) -> None:
    api.post(content={"prompt": ""})
    (body,) = api.records("B#")
    api.dynamodb.delete_item(
        TableName="tasks", Key=to_attribute_values({table.PK: body[table.PK], table.SK: body[table.SK]})
    )
    overhead = len(str(body[table.MESSAGE]).encode()) + len("runtimeStringsd")
    room = MESSAGE_MAX_BYTES - overhead
    wide, narrow = divmod(room, len(character.encode()))
    sent = {"task": {"metadata": {"id": "t1", "runtime": "sd", "tasktype": "text-to-image"},
                     "content": {"prompt": character * wide + "x" * (narrow + more)}}}  # fmt: skip
    assert api.send("POST", "/v1alpha2", json.dumps(sent, ensure_ascii=False, separators=(",", ":")))[0] == 200
    assert inline(api) is is_inline


def test_the_size_of_a_body_counts_as_received(api: Any) -> None:
    # Six bytes of JSON for two bytes of UTF-8: the received body is too large, and is offloaded unchanged.
    sent = {"task": {"metadata": {"id": "t1", "runtime": "sd", "tasktype": "text-to-image"},
                     "content": {"prompt": "ä" * 40_000}}}  # fmt: skip
    assert api.send("POST", "/v1alpha2", json.dumps(sent))[0] == 200
    assert inline(api) is False


def offloaded(api: Any) -> tuple[dict[str, Any], str]:
    """The object that a message refers to, and the JSON Pointer to the content in it."""
    message = decode_message(api.records("B#")[0][table.MESSAGE])
    assert message.payload is not None
    key = message.payload.url.removeprefix("s3://output/")
    return json.loads(api.s3.get_object(Bucket="output", Key=key)["Body"].read()), message.payload.pointer


@pytest.mark.parametrize(
    ("checkpoint", "override_settings"),
    [("xl.safetensors", {"sd_model_checkpoint": "xl.safetensors"}), ("v1-5.safetensors", None)],
    ids=["dynamic", "fixed"],
)
def test_a_large_v1alpha1_body_keeps_its_checkpoint(
    api: Any, checkpoint: str, override_settings: dict[str, str] | None
) -> None:
    scripts = {"task": "text-to-image", "id_task": "t1", "sd_model_checkpoint": checkpoint}
    body = {"prompt": "ä" * 150_000, "alwayson_scripts": scripts}
    assert api.send("POST", "/v1alpha1", json.dumps(body))[0] == 200
    content, pointer = offloaded(api)
    assert pointer == ""
    assert content["prompt"] == body["prompt"]
    assert content.get("override_settings") == override_settings


def test_an_offloaded_object_is_named_by_its_hash(api: Any) -> None:
    scripts = {"task": "text-to-image", "id_task": "t1", "sd_model_checkpoint": "xl.safetensors"}
    api.send("POST", "/v1alpha1", json.dumps({"prompt": "x" * 300_000, "alwayson_scripts": scripts}))
    (key,) = api.objects()
    stored = api.s3.get_object(Bucket="output", Key=key)["Body"].read()
    assert key == f"payloads/key1/{hashlib.sha256(stored).hexdigest()}"


def test_a_base64_body_is_decoded(api: Any) -> None:
    task = {"metadata": {"id": "t1", "runtime": "sd", "tasktype": "text-to-image"}, "content": {}}
    sent = base64.b64encode(json.dumps({"task": task}).encode()).decode()
    assert api.send("POST", "/v1alpha2", sent, base64_encoded=True)[0] == 200


@pytest.mark.parametrize("name", ["content-type", "Content-Type", "CONTENT-TYPE"])
def test_header_names_are_not_case_sensitive(api: Any, name: str) -> None:
    assert api.post(headers={name: "application/json; charset=utf-8"})[0] == 200


@pytest.mark.parametrize("headers", [{}, {"content-type": ""}, {"content-type": "text/plain"}])
def test_fails_when_the_content_type_is_not_json(api: Any, headers: dict[str, str]) -> None:
    status, answer, _ = api.post(headers=headers)
    assert (status, answer["error"]["code"]) == (415, "unsupported_media_type")


def test_a_checkpoint_is_resolved_to_the_runtime_that_serves_it(api: Any) -> None:
    def post(checkpoint: str) -> Any:
        scripts = {"task": "text-to-image", "id_task": "t1", "sd_model_checkpoint": checkpoint, "uid": 4}
        return api.send("POST", "/v1alpha1", json.dumps({"prompt": "x", "alwayson_scripts": scripts}))

    assert post("v1-5.safetensors")[1] == {
        "id_task": "t1",
        "sd_model_checkpoint": "v1-5.safetensors",
        "output_location": "s3://output/t1/",
    }
    post("xl.safetensors")
    fixed, dynamic = sorted(
        (decode_message(body[table.MESSAGE]) for body in api.records("B#")),
        key=lambda message: str(message.runtime),
        reverse=True,
    )
    assert (fixed.runtime, fixed.context) == ("sd", {"uid": 4})
    assert fixed.content == {"prompt": "x", "alwayson_scripts": {}}
    assert dynamic.runtime == "any"
    assert dynamic.content is not None
    assert dynamic.content["override_settings"] == {"sd_model_checkpoint": "xl.safetensors"}


def test_a_task_is_shown_only_to_its_owner(api: Any) -> None:
    submission = api.post({"context": [1]})[1]["submission"]
    status, task, _ = api.send("GET", "/v1alpha2/tasks/t1")
    assert status == 200
    assert (task["submission"], task["status"], task["context"], task["results"]) == (submission, "queued", [1], [])
    assert api.send("GET", "/v1alpha2/tasks/t1", key="key2")[0] == 404


def test_the_newest_submission_is_shown_unless_another_is_requested(api: Any) -> None:
    first = api.post()[1]["submission"]
    second = api.post()[1]["submission"]
    newest, older = sorted([first, second], reverse=True)
    assert api.send("GET", "/v1alpha2/tasks/t1")[1]["submission"] == newest
    assert api.send("GET", "/v1alpha2/tasks/t1", query={"submission": older})[1]["submission"] == older
    assert api.send("GET", "/v1alpha2/tasks/t1", query={"submission": older[:5]})[0] == 404


def test_results_have_presigned_urls_with_their_expiry(api: Any) -> None:
    api.complete(api.submit())
    image, out = api.send("GET", "/v1alpha2/tasks/t1")[1]["results"]
    assert image["s3_url"] == "s3://output/t1/a.png"
    # The endpoint of the region: the global endpoint redirects to it, where the signature is invalid.
    assert image["url"].startswith("https://output.s3.eu-west-1.amazonaws.com/t1/a.png?")
    assert "X-Amz-Signature" in image["url"]
    assert image["expires_at"].endswith("Z")
    assert out["s3_url"] == "s3://output/t1/a.out"


def test_outputs_have_the_urls_of_the_results(api: Any) -> None:
    output = {"url": "s3://output/t1/a.png", "node_id": "9", "name": "x.png", "subfolder": "", "kind": "image"}
    warning = {"node_id": "3", "code": "blocked", "message": "no face"}
    api.complete(api.submit(), outputs=[output], warnings=[warning])
    task = api.send("GET", "/v1alpha2/tasks/t1")[1]
    assert task["outputs"] == [{**output, **task["results"][0]}]
    assert task["warnings"] == [warning]


def test_a_task_of_the_previous_version_has_results_and_no_outputs(api: Any) -> None:
    api.complete(api.submit())
    task = api.send("GET", "/v1alpha2/tasks/t1")[1]
    assert len(task["results"]) == 2
    assert not task.keys() & {"outputs", "warnings"}


def ahead(api: Any, task_id: str, **more: Any) -> Any:
    return api.send("GET", f"/v1alpha2/tasks/{task_id}", query={"position": "1"}, **more)[1]["tasks_ahead"]


def test_tasks_ahead_are_queued_tasks_of_the_runtime_that_were_submitted_before(api: Any) -> None:
    for number in range(4):
        api.late_ms = number * 10
        task = api.submit(id=f"t{number}")
        api.submit(id=f"other{number}", runtime="any")
        if number == 1:
            api.run(task)
    api.late_ms = 100
    # Tasks of all callers count: they share one queue.
    api.post({"id": "mine"}, key="key2")
    assert ahead(api, "t0") == 0
    assert ahead(api, "t3") == 2
    assert ahead(api, "mine", key="key2") == 3


def test_tasks_ahead_are_counted_up_to_a_hundred(api: Any) -> None:
    api.submit(id="t0")
    (record,) = api.records("S#")
    for number in range(1, 102):
        item = record | {table.SK: f"{record[table.SK]}{number}", table.ID: f"t{number}"}
        api.dynamodb.put_item(TableName="tasks", Item=to_attribute_values(item))
    api.late_ms = 10
    api.submit(id="last")
    assert ahead(api, "last") == 100


def test_nothing_is_ahead_of_a_task_that_is_not_queued(api: Any) -> None:
    api.submit(id="first")
    api.late_ms = 10
    task = api.submit()
    api.run(task)
    assert ahead(api, "t1") == 0
    assert "tasks_ahead" not in api.send("GET", "/v1alpha2/tasks/t1")[1]


@pytest.mark.parametrize(
    ("query", "field"),
    [({"position": "yes"}, "position"), ({"submission": "a b"}, "submission"), ({"positon": "1"}, "positon")],
)
def test_fails_when_a_parameter_of_a_read_is_invalid(api: Any, query: dict[str, str], field: str) -> None:
    api.submit()
    status, answer, _ = api.send("GET", "/v1alpha2/tasks/t1", query=query)
    assert (status, answer["error"]["field"]) == (400, field)


def test_a_running_task_shows_its_progress_and_times(api: Any) -> None:
    task = api.submit()
    api.run(task)
    api.write(renew(task, claim_id="c" * 32, now_ms=api.now_ms(), times=TIMES, progress=0.25))
    shown = api.send("GET", "/v1alpha2/tasks/t1")[1]
    assert (shown["status"], shown["progress"], shown["attempts"]) == ("running", 0.25, 1)
    assert shown["started_at"] >= shown["submitted_at"]
    assert "finished_at" not in shown


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1alpha2"), ("POST", "/v3"), ("DELETE", "/v1alpha2/tasks/t1")])
def test_fails_when_the_route_is_unknown(api: Any, method: str, path: str) -> None:
    status, answer, _ = api.send(method, path)
    assert (status, answer["error"]["code"]) == (404, "unknown_route")


@pytest.mark.parametrize("task_id", ["a b", "ä", "%00", "a" * 200, "*"])
def test_fails_when_an_id_is_invalid(api: Any, task_id: str) -> None:
    assert api.send("GET", f"/v1alpha2/tasks/{task_id}")[0] == 404


def test_fails_when_the_metadata_are_too_large_for_a_message() -> None:
    runtime = Runtime(name="comfy", type="comfyui")
    request = TaskRequest(
        id="t1",
        runtime=runtime,
        tasktype="pipeline",
        checkpoint=None,
        prefix=None,
        context=None,
        inputs={"image": "x" * MESSAGE_MAX_BYTES},
        expires_at_ms=1,
        content={},
        content_pointer="",
        inputs_pointer=None,
        answer=lambda *_: {},
        payload=PayloadRef(url="s3://output/uploads/key1/x", etag="e", pointer=""),
    )
    unused: Any = None
    submitter = Submitter(unused, PayloadStore(unused, "output"))
    with pytest.raises(ApiError, match="task.metadata: must fit into a message of 204800 bytes"):
        submitter.submit(request, Body(b"{}", {}), owner="key1", api_key_id="key1", idempotency_key=None, now_ms=1)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
METADATA = st.fixed_dictionaries(
    {},
    optional={
        "id": st.just("t1") | JSON,
        "runtime": st.sampled_from(["sd", "any", "comfy"]) | JSON,
        "tasktype": st.sampled_from(["text-to-image", "image-to-image", "pipeline"]) | JSON,
        "prefix": JSON,
        "context": JSON,
        "inputs": JSON,
        "expires_at": JSON,
    },
)
CONTENT = JSON | st.dictionaries(
    st.text(max_size=3),
    st.fixed_dictionaries({"class_type": st.just("X") | JSON}, optional={"inputs": JSON}),
    max_size=2,
)
SCRIPTS = st.fixed_dictionaries(
    {},
    optional={
        "task": st.just("text-to-image") | JSON,
        "id_task": st.just("t1") | JSON,
        "sd_model_checkpoint": st.just("v1-5.safetensors") | JSON,
        "save_dir": JSON,
        "image_link": JSON,
        "uid": JSON,
    },
)
RIGHT_METADATA = st.sampled_from(
    [
        {"id": "t1", "runtime": runtime, "tasktype": tasktype}
        for runtime, tasktype in (("sd", "text-to-image"), ("sd", "image-to-image"), ("comfy", "pipeline"))
    ]
)
BODIES = st.one_of(
    st.text(),
    JSON.map(json.dumps),
    st.fixed_dictionaries({"task": st.fixed_dictionaries({"metadata": METADATA, "content": CONTENT})}).map(json.dumps),
    st.fixed_dictionaries({"task": st.fixed_dictionaries({"metadata": RIGHT_METADATA, "content": CONTENT})}).map(
        json.dumps
    ),
    st.fixed_dictionaries({"alwayson_scripts": SCRIPTS}, optional={"override_settings": JSON, "init_images": JSON}).map(
        json.dumps
    ),
)


@pytest.mark.parametrize("examples", [100, pytest.param(2_000, marks=pytest.mark.soak)])
def test_any_body_gets_a_response_of_the_contract(api: Any, examples: int) -> None:
    @settings(max_examples=examples, suppress_health_check=list(HealthCheck))
    @given(path=st.sampled_from(["/v1alpha1", "/v1alpha2"]), body=BODIES)
    def each(path: str, body: str) -> None:
        api.calls.clear()
        status, _, _ = api.send("POST", path, body)
        assert status in {200, 400, 404}
        assert api.calls == (["TransactWriteItems"] if status == 200 else [])

    each()
