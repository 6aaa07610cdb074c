"""The callback, which is built only from the record."""

import json

import pytest

from task_record import table
from task_record.callback import CALLBACK_MAX_BYTES, callback_of
from task_record.status import Status
from task_record.table import Item

RECORD: Item = {
    table.ID: "t1",
    table.SUBMISSION: "01J",
    table.RUNTIME: "sd",
    table.STATUS: Status.COMPLETED,
    table.CLAIM: "claim-1",
    table.CONTEXT: '{"user": 1.5}',
    table.RESULT: '{"image_url": ["s3://b/t1/t1-0123-0.png"], "output_url": "s3://b/t1/t1-0123.out"}',
    table.SUBMITTED_AT: 1,
    table.STARTED_AT: 2,
    table.FINISHED_AT: 3,
    table.TIMINGS: '{"inference_ms": 1}',
    table.PROGRESS: "0.5",
}


def test_callback_has_result_context_and_timings() -> None:
    callback = callback_of(RECORD, "b")
    body = json.loads(callback.body)
    assert callback.attributes == {"runtime": "sd", "status": "completed"}
    assert body["image_url"] == ["s3://b/t1/t1-0123-0.png"]
    assert body["output_url"] == "s3://b/t1/t1-0123.out"
    assert body["context"] == {"user": 1.5}
    assert body["timings"] == {"submitted_at_ms": 1, "started_at_ms": 2, "finished_at_ms": 3, "inference_ms": 1}
    assert "error" not in body


def test_repeated_callback_is_identical() -> None:
    assert callback_of(RECORD, "b") == callback_of(dict(RECORD), "b")


def test_callback_of_a_failure_carries_the_error_and_the_folder() -> None:
    failed: Item = {**RECORD, table.STATUS: Status.FAILED, table.ERROR: '{"code": "timeout"}', table.PREFIX: "p"}
    del failed[table.RESULT]
    body = json.loads(callback_of(failed, "b").body)
    assert (body["error"], body["image_url"], body["output_url"]) == ({"code": "timeout"}, [], "s3://b/p/t1/")


def test_running_callbacks_of_two_claims_are_two_events() -> None:
    first = callback_of({**RECORD, table.STATUS: Status.RUNNING}, "b")
    second = callback_of({**RECORD, table.STATUS: Status.RUNNING, table.CLAIM: "claim-2"}, "b")
    assert json.loads(first.body)["event_id"] != json.loads(second.body)["event_id"]


def test_running_callback_carries_no_progress_and_no_result() -> None:
    running: Item = {**RECORD, table.STATUS: Status.RUNNING}
    body = json.loads(callback_of(running, "b").body)
    assert body["result"] is None
    assert "progress" not in json.dumps(body)


def test_callback_that_is_too_large_has_the_url_of_the_response() -> None:
    large = {"output_url": "s3://b/t1/t1-0123.out", "image_url": [], "info": "x" * CALLBACK_MAX_BYTES}
    callback = callback_of({**RECORD, table.RESULT: json.dumps(large)}, "b")
    body = json.loads(callback.body)
    assert len(callback.body.encode()) <= CALLBACK_MAX_BYTES
    assert (body["result"], body["output_url"]) == (None, "s3://b/t1/t1-0123.out")


@pytest.mark.parametrize(
    ("large", "left"),
    [
        ((), {"outputs", "warnings", "texts"}),
        (("outputs",), {"warnings", "texts"}),
        (("warnings",), {"texts"}),
        (("outputs", "warnings", "texts"), set()),
    ],
)
def test_outputs_are_removed_first_then_warnings_then_texts(large: tuple[str, ...], left: set[str]) -> None:
    lists = {name: ["x" * CALLBACK_MAX_BYTES if name in large else "x"] for name in ("outputs", "warnings", "texts")}
    result = {"output_url": "s3://b/t1/t1-0123.out", "image_url": ["s3://b/t1/t1-0123-0.png"], "seeds": [1], **lists}
    callback = callback_of({**RECORD, table.RESULT: json.dumps(result)}, "b")
    body = json.loads(callback.body)
    assert len(callback.body.encode()) <= CALLBACK_MAX_BYTES
    assert body["result"].keys() - {"output_url", "image_url", "seeds"} == left
    assert (body["result"]["seeds"], body["image_url"]) == ([1], ["s3://b/t1/t1-0123-0.png"])
