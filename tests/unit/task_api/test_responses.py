"""Headers of responses, mainly for browsers."""

from typing import Any

import pytest

A, B = "https://a.example", "https://b.example"


def cors(headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.startswith("Access-Control") or name == "Vary"}


@pytest.mark.parametrize(("task_id", "status"), [("t1", 200), ("a b", 400)])
def test_a_page_of_an_allowed_origin_may_read_the_response(make_api: Any, task_id: str, status: int) -> None:
    api = make_api(CORS_ALLOW_ORIGINS=f"{A},{B}")
    sent = {"Content-Type": "application/json", "origin": B}
    answered, _, headers = api.post({"id": task_id}, headers=sent)
    assert answered == status
    assert cors(headers) == {
        "Access-Control-Allow-Origin": B,
        "Access-Control-Expose-Headers": "Retry-After",
        "Vary": "Origin",
    }


@pytest.mark.parametrize("origin", ["https://c.example", f"{A}.evil.example", "null", None])
def test_a_page_of_another_origin_may_not_read_the_response(make_api: Any, origin: str | None) -> None:
    api = make_api(CORS_ALLOW_ORIGINS=f"{A},{B}")
    sent = {"Content-Type": "application/json"} | ({"Origin": origin} if origin else {})
    assert cors(api.post(headers=sent)[2]) == {"Vary": "Origin"}


def test_any_page_may_read_the_response_if_all_origins_are_allowed(make_api: Any) -> None:
    api = make_api(CORS_ALLOW_ORIGINS="*")
    headers = api.post(headers={"Content-Type": "application/json", "Origin": A})[2]
    assert headers["Access-Control-Allow-Origin"] == "*"


def test_there_are_no_cors_headers_by_default(api: Any) -> None:
    sent = {"Content-Type": "application/json", "Origin": A}
    assert cors(api.post(headers=sent)[2]) == {}


def test_retry_after_is_sent_if_a_retry_helps(make_api: Any) -> None:
    class Failing:
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError

    assert make_api(dynamodb=Failing()).post()[2]["Retry-After"] == "1"
    assert "Retry-After" not in make_api().post({"id": "a b"})[2]
