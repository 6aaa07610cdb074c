"""Lists: pages, filters, and cursors, which never return tasks of another caller."""

import base64
import json
from typing import Any

import pytest

LIST = "/v1alpha2/tasks"
WRONG_CURSORS = {
    "empty": "",
    "not base64": "!!!",
    "not UTF-8": base64.urlsafe_b64encode(b"\xff\xff").decode(),
    "not ASCII": "ä",
    "a number": base64.urlsafe_b64encode(b"1").decode(),
    "too few": base64.urlsafe_b64encode(b"[]").decode(),
    "deep": base64.urlsafe_b64encode(b"[" * 50_000).decode(),
}


def listed(api: Any, key: str = "key1", **query: str) -> Any:
    status, answer, _ = api.send("GET", LIST, query={"runtime": "sd", **query}, key=key)
    assert status == 200, answer
    return answer


def cursor(*place: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def test_an_entry_has_the_fields_of_the_index(api: Any) -> None:
    task = api.submit(prefix="p", context={"n": 1})
    api.complete(task)
    (entry,) = listed(api)["tasks"]
    assert entry == {
        "id": "t1",
        "submission": task.submission,
        "runtime": "sd",
        "tasktype": "text-to-image",
        "status": "completed",
        "submitted_at": entry["submitted_at"],
        "started_at": entry["started_at"],
        "finished_at": entry["finished_at"],
        "expires_at": entry["expires_at"],
    }
    assert entry["submitted_at"].endswith("Z")


def test_pages_follow_each_other_newest_first(api: Any) -> None:
    submitted = []
    for number in range(5):
        api.late_ms = number * 10
        submitted.append(api.submit(id=f"t{number}").submission)
    api.submit(id="other", runtime="any")
    found, page = [], listed(api, limit="2")
    while True:
        assert len(page["tasks"]) <= 2
        found += [task["submission"] for task in page["tasks"]]
        if "next" not in page:
            break
        page = listed(api, limit="2", next=page["next"])
    assert found == submitted[::-1]


def test_only_tasks_with_the_status_are_listed(api: Any) -> None:
    ended = api.submit()
    api.submit(id="t2")
    api.complete(ended)
    assert [task["id"] for task in listed(api, status="completed")["tasks"]] == ["t1"]
    assert [task["id"] for task in listed(api, status="queued")["tasks"]] == ["t2"]
    assert listed(api, status="failed") == {"tasks": []}


def test_a_page_without_a_match_has_a_cursor(api: Any) -> None:
    api.complete(api.submit())
    api.late_ms = 10
    api.submit(id="t2")
    page = listed(api, status="completed", limit="1")
    assert page["tasks"] == []
    assert [task["id"] for task in listed(api, status="completed", next=page["next"])["tasks"]] == ["t1"]


def test_a_page_has_twenty_tasks_by_default(api: Any) -> None:
    for number in range(21):
        api.submit(id=f"t{number}")
    assert len(listed(api)["tasks"]) == 20
    assert len(listed(api, limit="100")["tasks"]) == 21


def test_a_list_has_only_tasks_of_the_caller(api: Any) -> None:
    api.submit()
    assert listed(api, key="key2") == {"tasks": []}


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        (None, 400, "runtime"),
        ({"runtime": "sdd"}, 404, "runtime"),
        ({"runtime": "sd", "status": "done"}, 400, "status"),
        ({"runtime": "sd", "limit": "0"}, 400, "limit"),
        ({"runtime": "sd", "limit": "101"}, 400, "limit"),
        ({"runtime": "sd", "limit": "-1"}, 400, "limit"),
        ({"runtime": "sd", "limit": "1.0"}, 400, "limit"),
        ({"runtime": "sd", "limit": "²"}, 400, "limit"),
        ({"runtime": "sd", "limit": "9" * 5000}, 400, "limit"),
        ({"runtime": "sd", "page": "2"}, 400, "page"),
    ],
)
def test_fails_when_a_parameter_is_invalid(api: Any, query: dict[str, str] | None, status: int, field: str) -> None:
    answered, answer, _ = api.send("GET", LIST, query=query)
    assert (answered, answer["error"]["field"]) == (status, field)


@pytest.mark.parametrize("text", WRONG_CURSORS.values(), ids=WRONG_CURSORS)
def test_fails_when_a_cursor_cannot_be_decoded(api: Any, text: str) -> None:
    status, answer, _ = api.send("GET", LIST, query={"runtime": "sd", "next": text})
    assert (status, answer["error"]["field"]) == (400, "next")


@pytest.mark.parametrize(
    "place",
    [
        [1, "s", 1],
        ["", "s", 1],
        ["t1", "s" * 257, 1],
        ["t1", "s", "1"],
        ["t1", "s", True],
        ["t1", "s", -1],
        ["t1", "s", 2**53],
        ["t1", "s", 1.5],
    ],
)
def test_fails_when_a_cursor_has_an_invalid_key(api: Any, place: list[Any]) -> None:
    api.submit()
    api.submit(id="t2")
    digest = json.loads(base64.urlsafe_b64decode(listed(api, limit="1")["next"] + "=="))[-1]
    status, answer, _ = api.send("GET", LIST, query={"runtime": "sd", "next": cursor(*place, digest)})
    assert (status, answer["error"]["field"]) == (400, "next")


@pytest.mark.parametrize(("key", "runtime"), [("key2", "sd"), ("key1", "any")])
def test_fails_when_a_cursor_is_from_another_list(api: Any, key: str, runtime: str) -> None:
    api.submit()
    api.submit(id="t2")
    foreign = listed(api, limit="1")["next"]
    status, answer, _ = api.send("GET", LIST, query={"runtime": runtime, "next": foreign}, key=key)
    assert (status, answer["error"]["field"]) == (400, "next")


def test_a_forged_cursor_returns_only_tasks_of_the_caller(api: Any) -> None:
    mine = api.submit()
    for number in (2, 3):
        api.post({"id": f"t{number}"}, key="key2")
    foreign = json.loads(base64.urlsafe_b64decode(listed(api, key="key2", limit="1")["next"] + "=="))
    api.submit(id="t4")
    own = json.loads(base64.urlsafe_b64decode(listed(api, limit="1")["next"] + "=="))
    forged = cursor(*foreign[:-1], own[-1])
    found = listed(api, next=forged)["tasks"]
    assert {task["id"] for task in found} <= {mine.id, "t4"}
