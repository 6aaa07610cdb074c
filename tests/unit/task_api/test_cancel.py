"""Canceling: what happens to a task in each state, and which tasks a caller can cancel."""

from typing import Any

import pytest

from task_record import table
from task_record.status import TERMINAL, Status

CANCEL = "/v1alpha2/tasks/t1/cancel"


def test_a_queued_task_is_cancelled_at_once(api: Any) -> None:
    task = api.submit(context={"n": 1})
    status, answer, _ = api.send("POST", CANCEL)
    assert status == 200
    assert (answer["status"], answer["submission"], answer["context"]) == ("cancelled", task.submission, {"n": 1})
    (record,) = api.records("S#")
    assert record[table.STATUS] == Status.CANCELLED
    assert table.OPEN not in record
    assert int(record[table.TTL]) > api.now_ms() // 1000 + 29 * 86400


def test_a_running_task_is_cancelled_at_once(api: Any) -> None:
    api.run(api.submit())
    assert api.send("POST", CANCEL)[1]["status"] == "cancelled"
    (record,) = api.records("S#")
    assert table.CLAIM not in record


def test_a_cancelled_task_is_cancelled_again_with_the_same_response(api: Any) -> None:
    api.submit()
    first = api.send("POST", CANCEL)
    api.late_ms = 5000
    assert api.send("POST", CANCEL)[:2] == first[:2]


@pytest.mark.parametrize("submission_named", [True, False])
def test_fails_when_the_task_has_ended(api: Any, submission_named: bool) -> None:
    task = api.submit()
    api.complete(task)
    before = api.items()
    query = {"submission": task.submission} if submission_named else None
    status, answer, _ = api.send("POST", CANCEL, query=query)
    assert (status, answer["error"]["code"]) == (409, "task_ended")
    assert "status: must be queued or running to cancel a task, got completed" in answer["error"]["message"]
    assert api.items() == before


def test_the_newest_submission_is_cancelled_unless_another_is_named(api: Any) -> None:
    older, newest = sorted([api.submit(), api.submit()], key=lambda task: str(task.submission))
    assert api.send("POST", CANCEL, query={"submission": older.submission})[1]["submission"] == older.submission
    assert api.send("POST", CANCEL)[1]["submission"] == newest.submission


@pytest.mark.parametrize(
    ("path", "query", "key"),
    [
        ("/v1alpha2/tasks/t2/cancel", None, "key1"),
        ("/v1alpha2/tasks/t2/cancel", {"submission": "01J"}, "key1"),
        ("/v1alpha2/tasks/a b/cancel", None, "key1"),
        (CANCEL, {"submission": "0"}, "key1"),
        (CANCEL, None, "key2"),
    ],
    ids=["id", "id and submission", "no id at all", "submission", "task of another key"],
)
def test_fails_when_there_is_no_such_task(api: Any, path: str, query: dict[str, str] | None, key: str) -> None:
    api.submit()
    before = api.items()
    status, answer, _ = api.send("POST", path, query=query, key=key)
    assert (status, answer["error"]["code"]) == (404, "unknown_task")
    assert api.items() == before


def test_fails_when_the_submission_is_that_of_another_key(api: Any) -> None:
    task = api.submit()
    assert api.send("POST", CANCEL, query={"submission": task.submission}, key="key2")[0] == 404
    assert api.records("S#")[0][table.STATUS] == Status.QUEUED


def test_fails_when_a_parameter_is_misspelled(api: Any) -> None:
    task = api.submit()
    status, answer, _ = api.send("POST", CANCEL, query={"submision": task.submission})
    assert (status, answer["error"]["field"]) == (400, "submision")
    assert not TERMINAL & {api.records("S#")[0][table.STATUS]}
