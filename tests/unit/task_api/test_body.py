"""Reading a body: what is refused before anything in it is looked at."""

import json
from typing import Any

import pytest

from sd_on_eks.task_api.handler.body import MAX_DEPTH, read_body
from sd_on_eks.task_api.handler.errors import ApiError


def read(body: str) -> dict[str, Any]:
    return read_body({"headers": {"content-type": "application/json"}, "body": body}).value


def nested(depth: int) -> str:
    """An object whose nesting, itself counted, is so deep; objects and lists in turn."""
    body = "1"
    for level in range(depth - 1, -1, -1):
        body = f"[{body}]" if level % 2 else f'{{"a":{body}}}'
    return body


def test_the_deepest_body_is_read() -> None:
    assert read(nested(MAX_DEPTH)) == json.loads(nested(MAX_DEPTH))


# What the JSON reader still takes, its writer might not: the last depths before the reader gives up are tried too.
@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 500, 900, 950, 975, 990, 5_000, 50_000])
def test_fails_when_a_body_is_nested_deeper(depth: int) -> None:
    with pytest.raises(ApiError, match="nested more than 100 deep") as caught:
        read(nested(depth))
    assert (caught.value.status, caught.value.code) == (400, "invalid_json")


def test_breadth_is_no_depth() -> None:
    body = {"a": [[0] for _ in range(MAX_DEPTH * 10)]}
    assert read(json.dumps(body)) == body


def test_fails_when_one_key_of_very_many_stands_twice() -> None:
    keys = [f'"k{number}":1' for number in range(200_000)]
    with pytest.raises(ApiError, match="the key 'k199999' stands twice in one object"):
        read(f"{{{','.join([*keys, keys[-1]])}}}")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("", "Expecting value"),
        ("[]", "it must be an object, got a list"),
        ("null", "it must be an object, got null"),
        ('{"a": 1e999}', "1e999 is beyond what a number can hold"),
        ('{"a": -Infinity}', "-Infinity is no JSON"),
        ('{"a": NaN}', "NaN is no JSON"),
        ('{"\\udc00": 1}', "it holds a lone surrogate"),
        ('{"a": "\ud800"}', "is not UTF-8"),
        ('\ufeff{"a": 1}', "BOM"),
        (f'{{"a": {"9" * 5000}}}', "Exceeds the limit"),
    ],
    ids=["empty", "list", "null", "too great", "infinite", "not a number", "surrogate", "raw surrogate", "BOM", "long"],
)
def test_fails_when_two_readers_might_disagree(body: str, why: str) -> None:
    with pytest.raises(ApiError, match=why) as caught:
        read(body)
    assert (caught.value.status, caught.value.code) == (400, "invalid_json")
