"""Admission: a runtime with a limit takes no more tasks than may wait, and says how long they take."""

from typing import Any

import pytest

from sd_on_eks.task_api.handler.admission import Admission
from sd_on_eks.task_api.handler.errors import ApiError
from sd_on_eks.task_api.handler.runtimes import Runtime
from task_record import table

LIMITED = [
    {
        "name": "sd",
        "type": "sdwebui",
        "model_filename": "v1-5.safetensors",
        "backlog_limit": 2,
        "typical_task_s": 30.0,
        "max_replicas": 4,
    }
]


class Store:
    """A table in which so many tasks wait."""

    def __init__(self, queued: int) -> None:
        self.queued = queued
        self.counts = 0

    def count_queued(self, runtime: str, *, at_most: int) -> int:
        self.counts += 1
        return min(self.queued, at_most)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def runtime(limit: int | None) -> Runtime:
    return Runtime(name="sd", type="sdwebui", backlog_limit=limit, typical_task_s=12.5, max_replicas=2)


def admission(queued: int) -> tuple[Any, Any, Clock]:
    store, clock = Store(queued), Clock()
    stand_in: Any = store
    return Admission(stand_in, clock=clock), store, clock


def test_fails_when_as_many_tasks_wait_as_may(make_api: Any) -> None:
    api = make_api(runtimes=LIMITED)
    assert [api.post()[0] for _ in range(2)] == [200, 200]
    status, answer, headers = api.post()
    assert (status, answer["error"]["code"]) == (429, "backlog_full")
    # Two tasks of 30 s each on four replicas.
    assert headers["Retry-After"] == "15"
    assert "2 tasks wait for the runtime sd" in answer["error"]["message"]
    assert "15 s" in answer["error"]["message"]
    assert len(api.records("S#")) == 2


def test_another_process_counts_them_too(make_api: Any) -> None:
    make_api(runtimes=LIMITED).post()
    make_api(runtimes=LIMITED).post(key="key2")
    assert make_api(runtimes=LIMITED).post()[0] == 429


def test_tasks_that_run_do_not_wait(make_api: Any) -> None:
    api = make_api(runtimes=LIMITED)
    for _ in range(2):
        api.run(api.submit())
    assert make_api(runtimes=LIMITED).post()[0] == 200


def test_a_count_is_good_for_a_second() -> None:
    admitting, store, clock = admission(0)
    for _ in range(10):
        admitting.admit(runtime(100))
    assert store.counts == 1
    clock.now += 1
    admitting.admit(runtime(100))
    assert store.counts == 2


def test_what_was_admitted_counts_at_once() -> None:
    admitting, _, clock = admission(1)
    admitting.admit(runtime(3))
    admitting.admit(runtime(3))
    with pytest.raises(ApiError, match="3 tasks wait"):
        admitting.admit(runtime(3))
    # By then the index shows how many there are.
    clock.now += 1
    admitting.admit(runtime(3))


def test_a_refusal_does_not_prolong_itself() -> None:
    admitting, store, clock = admission(3)
    for _ in range(3):
        with pytest.raises(ApiError):
            admitting.admit(runtime(3))
    store.queued = 0
    clock.now += 1
    admitting.admit(runtime(3))


def test_a_wait_is_told_in_whole_seconds_and_is_never_none() -> None:
    admitting, _, _ = admission(3)
    with pytest.raises(ApiError) as caught:
        admitting.admit(runtime(3))
    assert caught.value.retry_after_s == 19  # 18.75
    quick = Runtime(name="quick", type="sdwebui", backlog_limit=1, typical_task_s=0.01, max_replicas=9)
    with pytest.raises(ApiError) as caught:
        admitting.admit(quick)
    assert caught.value.retry_after_s == 1


def test_nothing_is_counted_without_a_limit() -> None:
    admitting, store, _ = admission(10**6)
    admitting.admit(runtime(None))
    assert store.counts == 0


def test_a_repeat_is_answered_although_the_backlog_is_full_meanwhile(make_api: Any) -> None:
    headers = {"Content-Type": "application/json", "Idempotency-Key": "k"}
    api = make_api(runtimes=LIMITED)
    first = api.post(headers=headers)[1]
    api.submit()
    assert make_api(runtimes=LIMITED).post(headers=headers)[:2] == (200, first)
    assert make_api(runtimes=LIMITED).post(headers=headers | {"Idempotency-Key": "other"})[0] == 429


def test_counting_goes_on_where_a_page_ends_early(make_api: Any) -> None:
    class Pages:
        """A table whose pages hold three entries."""

        def __init__(self) -> None:
            self.asked: list[Any] = []

        def query(self, **parameters: Any) -> Any:
            self.asked.append(parameters)
            counted = min(3, parameters["Limit"])
            return {"Count": counted, "LastEvaluatedKey": {table.PK: {"S": f"T#-#{len(self.asked)}"}}}

    pages = Pages()
    limited = [{"name": "sd", "type": "sdwebui", "model_filename": "v1-5.safetensors", "backlog_limit": 7}]
    assert make_api(runtimes=limited, dynamodb=pages).post()[0] == 429
    assert [(asked["Limit"], "ExclusiveStartKey" in asked) for asked in pages.asked] == [
        (7, False),
        (4, True),
        (1, True),
    ]
