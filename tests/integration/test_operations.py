"""Reading, listing, canceling, uploading and retrying over real HTTPS, with the deployed resources."""

import base64
import io
import json
import os
import signal
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from PIL import Image

pytestmark = pytest.mark.xdist_group("local_stack")


def unique(word: str) -> str:
    return f"{word}-{uuid.uuid4().hex[:12]}"


def a_body(task_id: str, content: dict[str, Any] | None = None, **more: Any) -> bytes:
    metadata = {"id": task_id, "runtime": "sd", "tasktype": "text-to-image", **more.pop("metadata", {})}
    return json.dumps({"task": {"metadata": metadata, "content": content or {"prompt": "x"}, **more}}).encode()


def was_started(client: Any, prompt: str) -> bool:
    return any(entry["id"] == prompt for entry in client.journal("sd"))


@contextmanager
def stopped_agent(client: Any) -> Iterator[None]:
    """No agent runs tasks of the runtime in this context."""
    agent = client.stack.agents["sd"]
    agent.stop(timeout_s=10)
    try:
        yield
    finally:
        agent.start()


@contextmanager
def frozen_runtime(client: Any) -> Iterator[None]:
    """The runtime accepts requests and does not process them in this context."""
    pid = client.stack.runtimes["sd"].pid
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_queued_task_shows_its_position_and_is_never_started_after_it_is_cancelled(client: Any) -> None:
    prompts = [unique("waiting") for _ in range(3)]
    with stopped_agent(client):
        first, second, third = (client.submit({"prompt": prompt}, id=prompt) for prompt in prompts)
        status, shown = client.request("GET", f"v1alpha2/tasks/{third['id']}?position=1")
        assert (status, shown["status"], shown["tasks_ahead"]) == (200, "queued", 2)
        status, cancelled = client.request("POST", f"v1alpha2/tasks/{second['id']}/cancel")
        assert (status, cancelled["status"]) == (200, "cancelled")
        assert client.request("GET", f"v1alpha2/tasks/{third['id']}?position=1")[1]["tasks_ahead"] == 1
    assert client.wait(first["id"])["status"] == "completed"
    assert client.wait(third["id"])["status"] == "completed"
    assert client.wait(second["id"])["status"] == "cancelled"
    assert not was_started(client, prompts[1])
    (callback,) = client.until(lambda: client.callbacks_of(second["id"]))
    assert (callback["status"], callback["submission"]) == ("cancelled", second["submission"])


def test_a_running_task_is_cancelled_and_its_results_are_discarded(client: Any) -> None:
    task_id = unique("running")
    with frozen_runtime(client):
        answer = client.submit({"prompt": task_id, "steps": 1}, id=task_id)
        client.until(lambda: client.request("GET", f"v1alpha2/tasks/{task_id}")[1]["status"] == "running")
        query = urlencode({"submission": answer["submission"]})
        status, cancelled = client.request("POST", f"v1alpha2/tasks/{task_id}/cancel?{query}")
        assert (status, cancelled["status"]) == (200, "cancelled")
        # The agent notices it with its next heartbeat, every half second here.
        time.sleep(1)
    # The agent continues with the next task.
    after = client.submit({"prompt": unique("after")})
    assert client.wait(after["id"])["status"] == "completed"
    task = client.request("GET", f"v1alpha2/tasks/{task_id}")[1]
    assert (task["status"], task["results"]) == ("cancelled", [])
    assert [one["status"] for one in client.until(lambda: client.callbacks_of(task_id))] == ["cancelled"]
    assert client.request("POST", f"v1alpha2/tasks/{task_id}/cancel")[:2] == (200, task)


def test_fails_when_a_task_that_has_ended_is_cancelled(client: Any) -> None:
    task_id = client.submit({"prompt": "x"})["id"]
    ended = client.wait(task_id)
    status, answer = client.request("POST", f"v1alpha2/tasks/{task_id}/cancel")
    assert (status, answer["error"]["code"]) == (409, "task_ended")
    assert "completed" in answer["error"]["message"]
    assert client.request("GET", f"v1alpha2/tasks/{task_id}")[1]["status"] == ended["status"]


@pytest.mark.parametrize("named", [True, False])
def test_fails_when_the_task_of_another_key_is_cancelled(client: Any, named: bool) -> None:
    stranger = {"x-api-key": client.key_of("studio")}
    task_id = unique("mine")
    with stopped_agent(client):
        answer = client.submit({"prompt": "x"}, id=task_id)
        query = "?" + urlencode({"submission": answer["submission"]}) if named else ""
        status, refusal = client.request("POST", f"v1alpha2/tasks/{task_id}/cancel{query}", headers=stranger)
        assert (status, refusal["error"]["code"]) == (404, "unknown_task")
        assert client.request("GET", f"v1alpha2/tasks/{task_id}")[1]["status"] == "queued"
    assert client.wait(task_id)["status"] == "completed"


def pages(client: Any, query: dict[str, Any], headers: dict[str, str] | None = None) -> list[dict[str, Any]]:
    """All tasks of a list."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        status, page = client.request("GET", f"v1alpha2/tasks?{urlencode(query | cursor)}", headers=headers)
        assert status == 200, page
        assert len(page["tasks"]) <= query["limit"]
        found += page["tasks"]
        if "next" not in page:
            return found
        cursor = {"next": page["next"]}


def test_a_list_has_every_task_once_newest_first(client: Any) -> None:
    submitted = [client.submit({"prompt": "x"})["submission"] for _ in range(5)]
    for submission in submitted:
        client.until(
            lambda submission=submission: (
                submission
                in {
                    task["submission"] for task in pages(client, {"runtime": "sd", "status": "completed", "limit": 100})
                }
            )
        )
    found = [task["submission"] for task in pages(client, {"runtime": "sd", "limit": 2})]
    assert len(found) == len(set(found))
    assert [submission for submission in found if submission in submitted] == submitted[::-1]


def test_a_list_has_no_tasks_of_another_key(client: Any) -> None:
    stranger = {"x-api-key": client.key_of("studio")}
    mine = {client.submit({"prompt": "x"})["submission"] for _ in range(2)}
    theirs = {task["submission"] for task in pages(client, {"runtime": "sd", "limit": 100}, stranger)}
    assert not mine & theirs
    cursor = client.request("GET", "v1alpha2/tasks?runtime=sd&limit=1")[1]["next"]
    query = urlencode({"runtime": "sd", "next": cursor})
    status, answer = client.request("GET", f"v1alpha2/tasks?{query}", headers=stranger)
    assert (status, answer["error"]["field"]) == (400, "next")


def offered(client: Any, body: bytes, content_type: str = "application/json", **more: Any) -> dict[str, Any]:
    wanted = {"content_type": content_type, "content_length": len(body)}
    status, offer = client.request("POST", "v1alpha2/uploads", body=json.dumps(wanted).encode(), **more)
    assert status == 200, offer
    return dict(offer)


def put(client: Any, offer: dict[str, Any], body: bytes, **headers: str) -> int:
    sent = offer["headers"] | headers | {"Content-Length": str(len(body))}
    return int(client.http.request(offer["method"], offer["url"], body=body, headers=sent).status)


def referring(client: Any, ref: str, task_id: str, **more: Any) -> tuple[int, dict[str, Any]]:
    metadata = {"id": task_id, "runtime": "sd", "tasktype": "text-to-image"}
    body = json.dumps({"task": {"metadata": metadata, "content_ref": ref}}).encode()
    status, answer = client.request("POST", "v1alpha2", body=body, **more)
    return status, answer


def test_uploaded_content_is_run(client: Any) -> None:
    task_id = unique("uploaded")
    # More than the maximum of a request.
    content = json.dumps({"prompt": task_id, "width": 64, "height": 48, "negative_prompt": "x" * 900_000}).encode()
    offer = offered(client, content)
    assert put(client, offer, content) == 200
    status, answer = referring(client, offer["content_ref"], task_id)
    assert status == 200, answer
    assert client.wait(task_id)["status"] == "completed"
    assert was_started(client, task_id)


def image_file() -> bytes:
    file = io.BytesIO()
    Image.linear_gradient("L").resize((64, 64)).save(file, "PNG")
    return file.getvalue()


def test_an_uploaded_image_is_an_input(client: Any) -> None:
    task_id, image = unique("linked"), image_file()
    offer = offered(client, image, "image/png")
    assert put(client, offer, image) == 200
    metadata = {"id": task_id, "runtime": "sd", "tasktype": "image-to-image"}
    content = {"prompt": task_id, "init_images": [offer["content_ref"]]}
    body = json.dumps({"task": {"metadata": metadata, "content": content}}).encode()
    status, answer = client.request("POST", "v1alpha2", body=body)
    assert status == 200, answer
    assert client.wait(task_id)["status"] == "completed"


def test_inputs_in_base64_of_any_size_are_run(client: Any) -> None:
    task_id, image = unique("inputs"), image_file()
    # A PNG has an end marker; the bytes after it make the file too large for a message.
    large = base64.b64encode(image + b"\0" * 600_000).decode()
    workflow = {
        "1": {"class_type": "LoadImage", "inputs": {"image": "cat.png"}},
        "9": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": task_id}},
    }
    metadata = {"id": task_id, "runtime": "comfy", "tasktype": "pipeline", "inputs": {"cat.png": large}}
    body = json.dumps({"task": {"metadata": metadata, "content": workflow}}).encode()
    status, answer = client.request("POST", "v1alpha2", body=body)
    assert status == 200, answer
    task = client.wait(task_id)
    assert task["status"] == "completed", task
    # The fake runtime saves the image that it loaded.
    (result,) = (one for one in task["results"] if one["s3_url"].endswith(".png"))
    assert client.http.request("GET", result["url"]).data == image + b"\0" * 600_000


def test_fails_when_an_upload_has_another_size_or_type_than_declared(client: Any) -> None:
    content = b'{"prompt": "x"}'
    offer = offered(client, content)
    assert put(client, offer, content + b" ") == 403
    assert put(client, offer, content[:-1]) == 403
    assert put(client, offer, content, **{"Content-Type": "text/html"}) == 403
    status, answer = referring(client, offer["content_ref"], unique("nothing"))
    assert (status, answer["error"]["field"]) == (400, "task.content_ref")


def test_fails_when_a_task_refers_to_an_upload_of_another_key(client: Any) -> None:
    content = b'{"prompt": "x"}'
    offer = offered(client, content, headers={"x-api-key": client.key_of("studio")})
    assert put(client, offer, content) == 200
    status, answer = referring(client, offer["content_ref"], unique("theirs"))
    assert (status, answer["error"]["field"]) == (400, "task.content_ref")


def test_concurrent_requests_with_one_idempotency_key_are_one_task(client: Any) -> None:
    task_id, key = unique("once"), unique("key")

    def send(_: int) -> tuple[int, str]:
        # Each request has a separate connection.
        status, answer = client.request("POST", "v1alpha2", body=a_body(task_id), headers={"Idempotency-Key": key})
        return status, json.dumps(answer)

    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(send, range(8)))
    ((status, answer),) = answers
    assert status == 200
    found = client.stack.emulator.dynamodb().query(
        TableName=client.stack.deployment.table_name,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :sk)",
        ExpressionAttributeValues={
            ":pk": {"S": f"T#{client.stack.deployment.resources['defaultAPIKey']}#{task_id}"},
            ":sk": {"S": "S#"},
        },
    )["Items"]
    assert [item["submission"]["S"] for item in found] == [json.loads(answer)["submission"]]


def test_the_first_response_is_returned_after_the_task_has_expired(client: Any) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=3)
    body = a_body(unique("expiring"), metadata={"expires_at": soon.isoformat()})
    headers = {"Idempotency-Key": unique("key")}
    first = client.request("POST", "v1alpha2", body=body, headers=headers)
    assert first[0] == 200
    time.sleep(max(0.0, (soon - datetime.now(UTC)).total_seconds()) + 0.1)
    assert client.request("POST", "v1alpha2", body=body, headers=headers) == first
    assert client.request("POST", "v1alpha2", body=body)[1]["error"]["field"] == "task.metadata.expires_at"


def test_responses_are_not_cached(client: Any) -> None:
    reply = client.http.request(
        "GET", client.stack.deployment.endpoint_url + "v1alpha2/tasks?runtime=sd", headers=client.headers()
    )
    assert (reply.status, reply.headers["Cache-Control"]) == (200, "no-store")


def test_fails_when_the_function_starts_without_its_environment(client: Any) -> None:
    emulator = client.stack.emulator
    functions = emulator.client("lambda")
    (deployed,) = [
        name
        for logical_id, name in client.stack.deployment.resources.items()
        if logical_id.startswith("TaskApiHandlerFunction")
    ]
    function = functions.get_function(FunctionName=deployed)
    configuration = function["Configuration"]
    variables = configuration["Environment"]["Variables"]
    name = unique("incomplete")
    # The URL of the emulator has http, although it uses TLS.
    code = client.http.request("GET", function["Code"]["Location"].replace("http:", "https:", 1)).data
    functions.create_function(
        FunctionName=name,
        Code={"ZipFile": code},
        Environment={
            "Variables": {key: variables[key] for key in variables if key not in {"TASK_TABLE_NAME", "TENANTS"}}
        },
        **{key: configuration[key] for key in ("Role", "Runtime", "Handler")},
    )
    try:
        answer = functions.invoke(FunctionName=name, Payload=b"{}")
        error = json.loads(answer["Payload"].read())
    finally:
        functions.delete_function(FunctionName=name)
    assert answer["FunctionError"] == "Unhandled"
    assert error["errorMessage"].endswith("environment variables are missing: TASK_TABLE_NAME, TENANTS")
