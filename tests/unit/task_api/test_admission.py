"""Admission: a runtime with a limit accepts no tasks when its queue is full, and reports the expected waiting time."""

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
    """A table with a number of queued tasks."""

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
    table_store: Any = store
    return Admission(table_store, clock=clock), store, clock


def test_fails_when_the_queue_is_full(make_api: Any) -> None:
    api = make_api(runtimes=LIMITED)
    assert [api.post()[0] for _ in range(2)] == [200, 200]
    status, answer, headers = api.post()
    assert (status, answer["error"]["code"]) == (429, "backlog_full")
    # Two tasks of 30 s each on four replicas.
    assert headers["Retry-After"] == "15"
    assert "the queue of the runtime 'sd' is full with 2 tasks" in answer["error"]["message"]
    assert "send the request again in about 15 s" in answer["error"]["message"]
    assert len(api.records("S#")) == 2


def test_tasks_of_another_process_count(make_api: Any) -> None:
    make_api(runtimes=LIMITED).post()
    make_api(runtimes=LIMITED).post(key="key2")
    assert make_api(runtimes=LIMITED).post()[0] == 429


def test_running_tasks_do_not_count(make_api: Any) -> None:
    api = make_api(runtimes=LIMITED)
    for _ in range(2):
        api.run(api.submit())
    assert make_api(runtimes=LIMITED).post()[0] == 200


def test_a_count_is_cached_for_a_second() -> None:
    admitting, store, clock = admission(0)
    for _ in range(10):
        admitting.admit(runtime(100))
    assert store.counts == 1
    clock.now += 1
    admitting.admit(runtime(100))
    assert store.counts == 2


def test_an_admitted_task_counts_at_once() -> None:
    admitting, _, clock = admission(1)
    admitting.admit(runtime(3))
    admitting.admit(runtime(3))
    with pytest.raises(ApiError, match="full with 3 tasks"):
        admitting.admit(runtime(3))
    # By then the index has the actual number.
    clock.now += 1
    admitting.admit(runtime(3))


def test_a_rejected_task_does_not_count() -> None:
    admitting, store, clock = admission(3)
    for _ in range(3):
        with pytest.raises(ApiError):
            admitting.admit(runtime(3))
    store.queued = 0
    clock.now += 1
    admitting.admit(runtime(3))


def test_the_waiting_time_is_in_whole_seconds_and_never_zero() -> None:
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


def test_a_retry_gets_its_response_even_if_the_queue_is_full_by_then(make_api: Any) -> None:
    headers = {"Content-Type": "application/json", "Idempotency-Key": "k"}
    api = make_api(runtimes=LIMITED)
    first = api.post(headers=headers)[1]
    api.submit()
    assert make_api(runtimes=LIMITED).post(headers=headers)[:2] == (200, first)
    assert make_api(runtimes=LIMITED).post(headers=headers | {"Idempotency-Key": "other"})[0] == 429


def test_counting_continues_after_a_short_page(make_api: Any) -> None:
    class Pages:
        """A table whose pages have three entries."""

        def __init__(self) -> None:
            self.queries: list[Any] = []

        def query(self, **parameters: Any) -> Any:
            self.queries.append(parameters)
            counted = min(3, parameters["Limit"])
            return {"Count": counted, "LastEvaluatedKey": {table.PK: {"S": f"T#-#{len(self.queries)}"}}}

    pages = Pages()
    limited = [{"name": "sd", "type": "sdwebui", "model_filename": "v1-5.safetensors", "backlog_limit": 7}]
    assert make_api(runtimes=limited, dynamodb=pages).post()[0] == 429
    assert [(query["Limit"], "ExclusiveStartKey" in query) for query in pages.queries] == [
        (7, False),
        (4, True),
        (1, True),
    ]
