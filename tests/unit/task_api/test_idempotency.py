"""`Idempotency-Key`: the same key and body give the same response and one task, even if the first request failed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from task_record.submission import IDEMPOTENCY_TTL_S
from tests.unit.task_api.conftest import RUNTIMES

HEADERS = {"Content-Type": "application/json", "Idempotency-Key": "k"}
CONFLICT = ClientError(
    {
        "Error": {"Code": "TransactionCanceledException", "Message": ""},
        "CancellationReasons": [{"Code": "None"}, {"Code": "None"}, {"Code": "TransactionConflict"}],
    },
    "TransactWriteItems",
)


class Between:
    """DynamoDB; calls a function just before the first transaction."""

    def __init__(self, real: Any, before: Any) -> None:
        self._real, self._before = real, before

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def transact_write_items(self, **parameters: Any) -> Any:
        before, self._before = self._before, lambda: None
        before()
        return self._real.transact_write_items(**parameters)


def expiring_in(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def test_a_key_is_scoped_to_the_api_key(api: Any) -> None:
    mine, again = api.post(headers=HEADERS)[1], api.post(headers=HEADERS)[1]
    other = api.post(headers=HEADERS, key="key2")[1]
    assert mine == again
    assert mine["submission"] != other["submission"]
    assert len(api.records("S#")) == 2


def test_fails_when_the_key_is_used_with_another_body(api: Any) -> None:
    api.post(headers=HEADERS)
    status, answer, _ = api.post({"id": "t2"}, headers=HEADERS)
    assert (status, answer["error"]["code"]) == (409, "idempotency_key_reused")
    assert len(api.records("S#")) == 1


def test_a_key_can_be_used_again_after_a_day(api: Any) -> None:
    first = api.post(headers=HEADERS)[1]
    api.late_ms = (IDEMPOTENCY_TTL_S + 2) * 1000
    assert api.post({"id": "t2"}, headers=HEADERS)[1]["submission"] != first["submission"]


def test_two_concurrent_requests_get_the_same_response(make_api: Any, aws: Any) -> None:
    other = make_api()
    answers: list[Any] = []

    def meanwhile() -> None:
        answers.append(other.post(headers=HEADERS)[1])

    api = make_api(dynamodb=Between(aws.own_dynamodb, meanwhile))
    answers.append(api.post(headers=HEADERS)[1])
    assert answers[0] == answers[1]
    assert len(api.records("S#")) == 1


def test_two_requests_in_conflict_get_the_same_response(make_api: Any, aws: Any) -> None:
    other = make_api()
    answers: list[Any] = []

    def meanwhile() -> None:
        answers.append(other.post(headers=HEADERS)[1])
        raise CONFLICT

    api = make_api(dynamodb=Between(aws.own_dynamodb, meanwhile))
    answers.append(api.post(headers=HEADERS)[1])
    assert answers[0] == answers[1]
    assert len(api.records("S#")) == 1


def test_a_request_that_failed_halfway_is_stored_by_its_retry(make_api: Any, aws: Any) -> None:
    def fail() -> None:
        raise ReadTimeoutError(endpoint_url="x")

    large = {"prompt": "x" * 300_000}
    api = make_api(dynamodb=Between(aws.own_dynamodb, fail))
    assert api.post(content=large, headers=HEADERS)[0] == 503
    # The body was offloaded, but no record refers to it; the retry writes the object again.
    assert (len(api.objects()), api.items()) == (1, [])
    assert api.post(content=large, headers=HEADERS)[0] == 200
    assert (len(api.objects()), len(api.records("S#"))) == (1, 1)


def test_the_first_response_is_returned_after_the_task_has_expired(api: Any) -> None:
    metadata = {"expires_at": expiring_in(60)}
    first = api.post(metadata, headers=HEADERS)[1]
    api.late_ms = 61_000
    api.calls.clear()
    assert api.post(metadata, headers=HEADERS)[:2] == (200, first)
    assert api.calls == ["GetItem"]
    assert len(api.records("S#")) == 1


def test_fails_when_the_key_is_used_with_another_body_after_the_expiry(api: Any) -> None:
    metadata = {"expires_at": expiring_in(60)}
    api.post(metadata, headers=HEADERS)
    api.late_ms = 61_000
    status, answer, _ = api.post({**metadata, "id": "t2"}, headers=HEADERS)
    assert (status, answer["error"]["code"]) == (409, "idempotency_key_reused")


@pytest.mark.parametrize(
    ("headers", "key", "late_s"),
    [
        ({"Content-Type": "application/json"}, "key1", 61),
        ({"Content-Type": "application/json", "Idempotency-Key": "another"}, "key1", 61),
        (HEADERS, "key2", 61),
        (HEADERS, "key1", IDEMPOTENCY_TTL_S + 2),
    ],
    ids=["no key", "another key", "another API key", "a day later"],
)
def test_fails_when_expires_at_is_past_and_there_is_no_first_response(
    api: Any, headers: dict[str, str], key: str, late_s: int
) -> None:
    metadata = {"expires_at": expiring_in(60)}
    api.post(metadata, headers=HEADERS)
    api.late_ms = late_s * 1000
    status, answer, _ = api.post(metadata, headers=headers, key=key)
    assert (status, answer["error"]["field"]) == (400, "task.metadata.expires_at")


def test_the_first_response_is_returned_even_if_the_deployment_would_now_reject_the_request(
    make_api: Any, api: Any
) -> None:
    fixed = [{**runtime, "dynamic_model": False} for runtime in RUNTIMES]
    removed = [runtime for runtime in RUNTIMES if runtime["name"] != "any"]
    metadata, content = {"runtime": "any"}, {"prompt": "x", "override_settings": {"sd_model_checkpoint": "b.ckpt"}}
    first = api.post(metadata, content, headers=HEADERS)[1]
    for runtimes in (fixed, removed):
        later = make_api(runtimes=runtimes)
        assert later.post(metadata, content)[0] in {400, 404}
        assert later.post(metadata, content, headers=HEADERS)[:2] == (200, first)
    assert len(api.records("S#")) == 1


def test_an_invalid_request_makes_no_call_except_for_its_key(api: Any) -> None:
    assert api.post({"id": "a b"})[0] == 400
    assert api.calls == []
    assert api.post({"id": "a b"}, headers=HEADERS)[0] == 400
    assert api.calls == ["GetItem"]


@pytest.mark.parametrize("key", ["", "k" * 257, "a\nb", "\ud800"], ids=["empty", "too long", "two lines", "surrogate"])
def test_fails_when_a_key_is_invalid(api: Any, key: str) -> None:
    answered, answer, _ = api.post(headers=HEADERS | {"Idempotency-Key": key})
    assert (answered, answer["error"]["field"]) == (400, "Idempotency-Key")
    assert api.items() == []
