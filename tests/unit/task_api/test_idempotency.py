"""`Idempotency-Key`: the same key and body give the same answer and one task, whatever became of the first request."""

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
    """DynamoDB to which something happens just before the first transaction comes."""

    def __init__(self, real: Any, happens: Any) -> None:
        self._real, self._happens = real, happens

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def transact_write_items(self, **parameters: Any) -> Any:
        happens, self._happens = self._happens, lambda: None
        happens()
        return self._real.transact_write_items(**parameters)


def expiring_in(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def test_a_key_is_scoped_to_the_api_key(api: Any) -> None:
    mine, again = api.post(headers=HEADERS)[1], api.post(headers=HEADERS)[1]
    other = api.post(headers=HEADERS, key="key2")[1]
    assert mine == again
    assert mine["submission"] != other["submission"]
    assert len(api.records("S#")) == 2


def test_fails_when_the_key_comes_with_another_body(api: Any) -> None:
    api.post(headers=HEADERS)
    status, answer, _ = api.post({"id": "t2"}, headers=HEADERS)
    assert (status, answer["error"]["code"]) == (409, "idempotency_key_reused")
    assert len(api.records("S#")) == 1


def test_a_key_is_free_again_after_a_day(api: Any) -> None:
    first = api.post(headers=HEADERS)[1]
    api.late_ms = (IDEMPOTENCY_TTL_S + 2) * 1000
    assert api.post({"id": "t2"}, headers=HEADERS)[1]["submission"] != first["submission"]


def test_of_two_at_once_both_get_the_answer_of_the_one_that_was_stored(make_api: Any, aws: Any) -> None:
    other = make_api()
    answers: list[Any] = []

    def meanwhile() -> None:
        answers.append(other.post(headers=HEADERS)[1])

    api = make_api(dynamodb=Between(aws.own_dynamodb, meanwhile))
    answers.append(api.post(headers=HEADERS)[1])
    assert answers[0] == answers[1]
    assert len(api.records("S#")) == 1


def test_of_two_in_conflict_both_get_the_answer_of_the_one_that_was_stored(make_api: Any, aws: Any) -> None:
    other = make_api()
    answers: list[Any] = []

    def meanwhile() -> None:
        answers.append(other.post(headers=HEADERS)[1])
        raise CONFLICT

    api = make_api(dynamodb=Between(aws.own_dynamodb, meanwhile))
    answers.append(api.post(headers=HEADERS)[1])
    assert answers[0] == answers[1]
    assert len(api.records("S#")) == 1


def test_what_died_half_way_is_stored_anew(make_api: Any, aws: Any) -> None:
    def die() -> None:
        raise ReadTimeoutError(endpoint_url="x")

    large = {"prompt": "x" * 300_000}
    api = make_api(dynamodb=Between(aws.own_dynamodb, die))
    assert api.post(content=large, headers=HEADERS)[0] == 503
    # The body was parked, which nobody refers to and which is put anew.
    assert (len(api.objects()), api.items()) == (1, [])
    assert api.post(content=large, headers=HEADERS)[0] == 200
    assert (len(api.objects()), len(api.records("S#"))) == (1, 1)


def test_the_first_answer_stands_when_its_expiry_has_passed(api: Any) -> None:
    metadata = {"expires_at": expiring_in(60)}
    first = api.post(metadata, headers=HEADERS)[1]
    api.late_ms = 61_000
    api.calls.clear()
    assert api.post(metadata, headers=HEADERS)[:2] == (200, first)
    assert api.calls == ["GetItem"]
    assert len(api.records("S#")) == 1


def test_fails_when_another_body_comes_after_the_expiry(api: Any) -> None:
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
def test_fails_when_an_expiry_is_past_and_there_is_no_first_answer(
    api: Any, headers: dict[str, str], key: str, late_s: int
) -> None:
    metadata = {"expires_at": expiring_in(60)}
    api.post(metadata, headers=HEADERS)
    api.late_ms = late_s * 1000
    status, answer, _ = api.post(metadata, headers=headers, key=key)
    assert (status, answer["error"]["field"]) == (400, "task.metadata.expires_at")


def test_the_first_answer_stands_when_the_deployment_would_refuse_it_now(make_api: Any, api: Any) -> None:
    fixed = [{**runtime, "dynamic_model": False} for runtime in RUNTIMES]
    removed = [runtime for runtime in RUNTIMES if runtime["name"] != "any"]
    metadata, content = {"runtime": "any"}, {"prompt": "x", "override_settings": {"sd_model_checkpoint": "b.ckpt"}}
    first = api.post(metadata, content, headers=HEADERS)[1]
    for runtimes in (fixed, removed):
        later = make_api(runtimes=runtimes)
        assert later.post(metadata, content)[0] in {400, 404}
        assert later.post(metadata, content, headers=HEADERS)[:2] == (200, first)
    assert len(api.records("S#")) == 1


def test_what_is_wrong_asks_nobody_but_for_its_key(api: Any) -> None:
    assert api.post({"id": "a b"})[0] == 400
    assert api.calls == []
    assert api.post({"id": "a b"}, headers=HEADERS)[0] == 400
    assert api.calls == ["GetItem"]


@pytest.mark.parametrize("key", ["", "k" * 257, "a\nb", "\ud800"], ids=["empty", "too long", "two lines", "surrogate"])
def test_fails_when_a_key_is_none(api: Any, key: str) -> None:
    answered, answer, _ = api.post(headers=HEADERS | {"Idempotency-Key": key})
    assert (answered, answer["error"]["field"]) == (400, "Idempotency-Key")
    assert api.items() == []
