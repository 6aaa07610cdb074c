"""The task API's handler: what a submit stores, what is refused, and what any body at all is answered."""

import base64
import hashlib
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sd_on_eks.task_api.handler import clients
from sd_on_eks.task_api.handler.settings import Settings, SettingsError
from task_record import table
from task_record.attribute_values import from_attribute_values
from task_record.message import decode_message


def records(api: Any, prefix: str) -> list[Any]:
    items = [from_attribute_values(item) for item in api.items()]
    return [item for item in items if str(item[table.SK]).startswith(prefix)]


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
    (record,), (body,) = records(api, "S#"), records(api, "B#")
    assert (record[table.OWNER], record[table.STATUS], record[table.PREFIX]) == ("key1", "queued", "a/b")
    message = decode_message(body[table.MESSAGE])
    assert (message.submission, message.owner, message.content) == (answer["submission"], "key1", {"prompt": "x"})


def test_every_submit_is_a_new_task(api: Any) -> None:
    first, second = api.post()[1], api.post()[1]
    assert first["submission"] != second["submission"]
    assert len(records(api, "S#")) == 2


def test_a_large_body_is_parked_as_it_was_received(api: Any) -> None:
    sent = json.dumps({"task": {"metadata": {"id": "t1", "runtime": "sd", "tasktype": "text-to-image"},
                                "content": {"prompt": "x" * 300_000}}}, indent=1)  # fmt: skip
    assert api.send("POST", "/v1alpha2", sent)[0] == 200
    (key,) = api.objects()
    assert key.startswith("payloads/key1/")
    assert api.s3.get_object(Bucket="output", Key=key)["Body"].read() == sent.encode()
    message = decode_message(records(api, "B#")[0][table.MESSAGE])
    assert message.payload is not None
    assert (message.payload.url, message.payload.pointer) == (f"s3://output/{key}", "/task/content")


def parked(api: Any) -> tuple[dict[str, Any], str]:
    """The content that a message refers to, and where in the object it stands."""
    message = decode_message(records(api, "B#")[0][table.MESSAGE])
    assert message.payload is not None
    key = message.payload.url.removeprefix("s3://output/")
    return json.loads(api.s3.get_object(Bucket="output", Key=key)["Body"].read()), message.payload.pointer


@pytest.mark.parametrize(
    ("checkpoint", "override_settings"),
    [("xl.safetensors", {"sd_model_checkpoint": "xl.safetensors"}), ("v1-5.safetensors", None)],
    ids=["dynamic", "fixed"],
)
def test_a_large_v1alpha1_body_keeps_the_checkpoint_that_it_names(
    api: Any, checkpoint: str, override_settings: dict[str, str] | None
) -> None:
    scripts = {"task": "text-to-image", "id_task": "t1", "sd_model_checkpoint": checkpoint}
    body = {"prompt": "ä" * 150_000, "alwayson_scripts": scripts}
    assert api.send("POST", "/v1alpha1", json.dumps(body))[0] == 200
    content, pointer = parked(api)
    assert pointer == ""
    assert content["prompt"] == body["prompt"]
    assert content.get("override_settings") == override_settings


def test_a_parked_object_is_named_by_what_it_holds(api: Any) -> None:
    scripts = {"task": "text-to-image", "id_task": "t1", "sd_model_checkpoint": "xl.safetensors"}
    api.send("POST", "/v1alpha1", json.dumps({"prompt": "x" * 300_000, "alwayson_scripts": scripts}))
    (key,) = api.objects()
    held = api.s3.get_object(Bucket="output", Key=key)["Body"].read()
    assert key == f"payloads/key1/{hashlib.sha256(held).hexdigest()}"


def test_a_base64_body_is_decoded(api: Any) -> None:
    task = {"metadata": {"id": "t1", "runtime": "sd", "tasktype": "text-to-image"}, "content": {}}
    sent = base64.b64encode(json.dumps({"task": task}).encode()).decode()
    assert api.send("POST", "/v1alpha2", sent, base64_encoded=True)[0] == 200


@pytest.mark.parametrize("name", ["content-type", "Content-Type", "CONTENT-TYPE"])
def test_header_names_have_any_case(api: Any, name: str) -> None:
    assert api.post(headers={name: "application/json; charset=utf-8"})[0] == 200


@pytest.mark.parametrize("headers", [{}, {"content-type": ""}, {"content-type": "text/plain"}])
def test_fails_when_the_body_is_not_said_to_be_json(api: Any, headers: dict[str, str]) -> None:
    status, answer, _ = api.post(headers=headers)
    assert (status, answer["error"]["code"]) == (415, "unsupported_media_type")


def test_idempotency_key_is_scoped_to_the_api_key(api: Any) -> None:
    headers = {"Content-Type": "application/json", "Idempotency-Key": "k"}
    mine, again = api.post(headers=headers)[1], api.post(headers=headers)[1]
    other = api.post(headers=headers, key="key2")[1]
    assert mine == again
    assert mine["submission"] != other["submission"]
    assert api.post({"id": "t2"}, headers=headers)[0] == 409
    assert len(records(api, "S#")) == 2


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
        (decode_message(body[table.MESSAGE]) for body in records(api, "B#")),
        key=lambda message: str(message.runtime),
        reverse=True,
    )
    assert (fixed.runtime, fixed.context) == ("sd", {"uid": 4})
    assert fixed.content == {"prompt": "x", "alwayson_scripts": {}}
    assert dynamic.runtime == "any"
    assert dynamic.content is not None
    assert dynamic.content["override_settings"] == {"sd_model_checkpoint": "xl.safetensors"}


def test_a_task_is_shown_to_its_owner_alone(api: Any) -> None:
    submission = api.post({"context": [1]})[1]["submission"]
    status, task, _ = api.send("GET", "/v1alpha2/tasks/t1")
    assert status == 200
    assert (task["submission"], task["status"], task["context"], task["results"]) == (submission, "queued", [1], [])
    assert api.send("GET", "/v1alpha2/tasks/t1", key="key2")[0] == 404


def test_the_newest_submission_is_shown_unless_another_is_named(api: Any) -> None:
    first = api.post()[1]["submission"]
    second = api.post()[1]["submission"]
    newest, older = sorted([first, second], reverse=True)
    assert api.send("GET", "/v1alpha2/tasks/t1")[1]["submission"] == newest
    assert api.send("GET", "/v1alpha2/tasks/t1", query={"submission": older})[1]["submission"] == older
    assert api.send("GET", "/v1alpha2/tasks/t1", query={"submission": older[:5]})[0] == 404


def test_results_come_as_links_with_the_time_at_which_they_end(api: Any) -> None:
    api.post()
    (record,) = records(api, "S#")
    api.dynamodb.update_item(
        TableName="tasks",
        Key={"pk": {"S": record[table.PK]}, "sk": {"S": record[table.SK]}},
        UpdateExpression="SET #r = :r",
        ExpressionAttributeNames={"#r": "result"},
        ExpressionAttributeValues={
            ":r": {"S": '{"image_url": ["s3://output/t1/a.png"], "output_url": "s3://output/t1/a.out"}'}
        },
    )
    image, out = api.send("GET", "/v1alpha2/tasks/t1")[1]["results"]
    assert image["s3_url"] == "s3://output/t1/a.png"
    # The region's own endpoint: the global one redirects to it, which a signature does not survive.
    assert image["url"].startswith("https://output.s3.eu-west-1.amazonaws.com/t1/a.png?")
    assert "X-Amz-Signature" in image["url"]
    assert image["expires_at"].endswith("Z")
    assert out["s3_url"] == "s3://output/t1/a.out"


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1alpha2"), ("POST", "/v3"), ("DELETE", "/v1alpha2/tasks/t1")])
def test_fails_when_there_is_no_such_route(api: Any, method: str, path: str) -> None:
    status, answer, _ = api.send(method, path)
    assert (status, answer["error"]["code"]) == (404, "unknown_route")


@pytest.mark.parametrize("task_id", ["a b", "ä", "%00", "a" * 200, "*"])
def test_fails_when_an_id_can_be_no_tasks(api: Any, task_id: str) -> None:
    assert api.send("GET", f"/v1alpha2/tasks/{task_id}")[0] == 404


class Unsteady:
    """DynamoDB that does what it is told, then fails in one way."""

    def __init__(self, real: Any, *, times: int, commits: bool, error: Exception) -> None:
        self._real, self._times, self._commits, self._error = real, times, commits, error
        self.calls = 0

    def transact_write_items(self, **parameters: Any) -> Any:
        self.calls += 1
        if self.calls > self._times:
            return self._real.transact_write_items(**parameters)
        if self._commits:
            self._real.transact_write_items(**parameters)
        raise self._error


LOST = ReadTimeoutError(endpoint_url="x")
CONFLICT = ClientError(
    {
        "Error": {"Code": "TransactionCanceledException", "Message": ""},
        "CancellationReasons": [{"Code": "TransactionConflict"}],
    },
    "TransactWriteItems",
)

DENIED = ClientError(
    {
        "Error": {"Code": "AccessDeniedException", "Message": "a secret detail"},
        "ResponseMetadata": {
            "HTTPStatusCode": 400,
            "RequestId": "",
            "HostId": "",
            "HTTPHeaders": {},
            "RetryAttempts": 0,
        },
    },
    "TransactWriteItems",
)


@pytest.mark.parametrize(
    ("times", "commits", "error"),
    [(1, True, LOST), (1, False, LOST), (3, False, CONFLICT)],
    ids=["lost", "never came", "conflict"],
)
def test_a_lost_reply_and_a_conflict_cost_nothing(
    api: Any, monkeypatch: pytest.MonkeyPatch, times: int, commits: bool, error: Exception
) -> None:
    table_of_trouble = Unsteady(clients.dynamodb_client(), times=times, commits=commits, error=error)
    monkeypatch.setattr("sd_on_eks.task_api.handler.app.dynamodb_client", lambda: table_of_trouble)
    assert api.post()[0] == 200
    assert len(records(api, "S#")) == 1


@pytest.mark.parametrize(
    ("error", "sends", "cause"),
    [
        (LOST, 2, "ReadTimeoutError"),
        (CONFLICT, 4, "TransactWriteItems: TransactionCanceledException"),
        (DENIED, 1, "TransactWriteItems: AccessDeniedException"),
    ],
    ids=["lost", "conflict", "denied"],
)
def test_fails_when_the_table_does_not_store_and_says_why_to_the_operator_alone(
    api: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    sends: int,
    cause: str,
) -> None:
    table_of_trouble = Unsteady(None, times=99, commits=False, error=error)
    monkeypatch.setattr("sd_on_eks.task_api.handler.app.dynamodb_client", lambda: table_of_trouble)
    status, answer, headers = api.post()
    assert (status, answer["error"]["code"], headers["Retry-After"]) == (503, "unavailable", "1")
    assert table_of_trouble.calls == sends
    assert vars(caplog.records[-1])["cause"] == cause
    assert "secret" not in caplog.text + json.dumps(answer)


def test_fails_when_something_unforeseen_happens_without_telling_it(
    api: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def explode() -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("sd_on_eks.task_api.handler.app.dynamodb_client", explode)
    status, answer, _ = api.post(content={"prompt": "a secret prompt"})
    assert (status, answer["error"]["code"]) == (500, "internal")
    assert "secret" not in json.dumps(answer)
    assert "a secret prompt" not in capsys.readouterr().out


def test_fails_when_the_environment_is_incomplete() -> None:
    with pytest.raises(SettingsError, match="missing: TASK_TABLE_NAME, OUTPUT_BUCKET_NAME, RUNTIMES"):
        Settings.from_environment({"MAX_TASK_AGE_S": "1", "TENANT_ISOLATION": "true"})


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


@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(path=st.sampled_from(["/v1alpha1", "/v1alpha2"]), body=BODIES)
def test_any_body_is_answered_within_the_contract(api: Any, path: str, body: str) -> None:
    before = len(api.items())
    status, _, _ = api.send("POST", path, body)
    assert status in {200, 400, 404}
    assert len(api.items()) - before == (2 if status == 200 else 0)
