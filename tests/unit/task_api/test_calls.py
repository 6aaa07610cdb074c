"""The number of AWS calls of each operation, and the clients that it needs: both add to the response time."""

import json
from typing import Any

import pytest

LARGE = {"prompt": "x" * 300_000}
WITH_KEY = {"Content-Type": "application/json", "Idempotency-Key": "k"}


def calls(api: Any) -> list[str]:
    made: list[str] = [*api.calls]
    api.calls.clear()
    return made


@pytest.mark.parametrize("headers", [None, WITH_KEY], ids=["plain", "with an Idempotency-Key"])
def test_a_submit_is_one_call(api: Any, headers: dict[str, str] | None) -> None:
    api.post(headers=headers)
    assert calls(api) == ["TransactWriteItems"]


def test_a_retry_with_an_idempotency_key_is_one_call(api: Any) -> None:
    api.post(headers=WITH_KEY)
    calls(api)
    api.post(headers=WITH_KEY)
    assert calls(api) == ["TransactWriteItems"]


def test_a_submit_with_an_offloaded_body_is_two_calls(api: Any) -> None:
    api.post(content=LARGE)
    assert calls(api) == ["PutObject", "TransactWriteItems"]


def test_a_submit_with_an_uploaded_content_is_two_calls(api: Any) -> None:
    key = "uploads/key1/01JDM6ZC5V8Q4W2N7R3T9X1Y0Z"
    api.s3.put_object(Bucket="output", Key=key, Body=b'{"prompt": "x"}')
    metadata = {"id": "t1", "runtime": "sd", "tasktype": "text-to-image"}
    body = {"task": {"metadata": metadata, "content_ref": f"s3://output/{key}"}}
    assert api.send("POST", "/v1alpha2", json.dumps(body))[0] == 200
    assert calls(api) == ["GetObject", "TransactWriteItems"]


def test_a_submit_to_a_runtime_with_a_limit_counts_once_a_second(make_api: Any) -> None:
    api = make_api(
        runtimes=[{"name": "sd", "type": "sdwebui", "model_filename": "v1-5.safetensors", "backlog_limit": 1000}]
    )
    api.post()
    assert calls(api) == ["Query", "TransactWriteItems"]
    api.post()
    assert calls(api) == ["TransactWriteItems"]


@pytest.mark.parametrize("query", [None, {"position": "0"}, {"submission": "01JDM6ZC5V8Q4W2N7R3T9X1Y0Z"}])
def test_a_read_is_one_call(api: Any, query: dict[str, str] | None) -> None:
    api.submit()
    calls(api)
    api.send("GET", "/v1alpha2/tasks/t1", query=query)
    assert calls(api) == ["Query"]


def test_a_read_with_its_results_is_one_call(api: Any) -> None:
    api.complete(api.submit())
    calls(api)
    assert len(api.send("GET", "/v1alpha2/tasks/t1")[1]["results"]) == 2
    assert calls(api) == ["Query"]


def test_a_read_with_its_position_is_two_calls(api: Any) -> None:
    api.submit()
    calls(api)
    api.send("GET", "/v1alpha2/tasks/t1", query={"position": "1"})
    assert calls(api) == ["Query", "Query"]


def test_a_list_is_one_call(api: Any) -> None:
    api.submit()
    calls(api)
    api.send("GET", "/v1alpha2/tasks", query={"runtime": "sd", "status": "queued"})
    assert calls(api) == ["Query"]


def test_a_cancel_is_two_calls(api: Any) -> None:
    api.submit()
    calls(api)
    api.send("POST", "/v1alpha2/tasks/t1/cancel")
    assert calls(api) == ["Query", "UpdateItem"]


def test_a_cancel_of_a_named_submission_is_one_call(api: Any) -> None:
    task = api.submit()
    calls(api)
    api.send("POST", "/v1alpha2/tasks/t1/cancel", query={"submission": task.submission})
    assert calls(api) == ["UpdateItem"]


def test_an_upload_is_offered_without_a_call(api: Any) -> None:
    body = json.dumps({"content_type": "image/png", "content_length": 5})
    assert api.send("POST", "/v1alpha2/uploads", body)[0] == 200
    assert calls(api) == []


class NotNeeded:
    """A client that must not be used."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} of a client that is not needed")


def test_a_plain_submit_needs_no_s3(make_api: Any) -> None:
    api = make_api(s3=NotNeeded())
    assert api.post()[0] == 200
    assert api.send("GET", "/v1alpha2/tasks/t1")[0] == 200
    assert api.send("POST", "/v1alpha2/tasks/t1/cancel")[0] == 200


def test_an_upload_needs_no_dynamodb(make_api: Any) -> None:
    body = json.dumps({"content_type": "image/png", "content_length": 5})
    assert make_api(dynamodb=NotNeeded()).send("POST", "/v1alpha2/uploads", body)[0] == 200


def test_an_invalid_request_needs_no_client(make_api: Any) -> None:
    api = make_api(dynamodb=NotNeeded(), s3=NotNeeded())
    assert api.post({"id": "a b"}, LARGE)[0] == 400
    assert api.send("GET", "/v1alpha2/tasks/a b")[0] == 404
    assert api.send("GET", "/v1alpha2/tasks", query={"runtime": "sd", "next": "x"})[0] == 400
