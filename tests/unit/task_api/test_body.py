"""Reading a body: what is rejected before its fields are validated."""

import json
from typing import Any

import pytest

from sd_on_eks.task_api.handler.body import MAX_DEPTH, read_body
from sd_on_eks.task_api.handler.errors import ApiError


def read(body: str) -> dict[str, Any]:
    return read_body({"headers": {"content-type": "application/json"}, "body": body}).value


def nested(depth: int) -> str:
    """Objects and lists in turn, nested to a depth that includes the outer object."""
    body = "1"
    for level in range(depth - 1, -1, -1):
        body = f"[{body}]" if level % 2 else f'{{"a":{body}}}'
    return body


def test_the_deepest_body_is_read() -> None:
    assert read(nested(MAX_DEPTH)) == json.loads(nested(MAX_DEPTH))


# The writer of JSON can fail at depths that its reader accepts, so depths just below the reader's limit are tried, too.
@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 500, 900, 950, 975, 990, 5_000, 50_000])
def test_fails_when_a_body_is_nested_deeper(depth: int) -> None:
    with pytest.raises(
        ApiError, match="body: must be a JSON object: it must be nested at most 100 levels deep"
    ) as caught:
        read(nested(depth))
    assert (caught.value.status, caught.value.code) == (400, "invalid_json")


def test_breadth_does_not_count_as_depth() -> None:
    body = {"a": [[0] for _ in range(MAX_DEPTH * 10)]}
    assert read(json.dumps(body)) == body


def test_fails_when_one_key_of_very_many_is_a_duplicate() -> None:
    keys = [f'"k{number}":1' for number in range(200_000)]
    with pytest.raises(ApiError, match="the key 'k199999' must be unique in its object"):
        read(f"{{{','.join([*keys, keys[-1]])}}}")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("", "Expecting value"),
        ("[]", "must be a JSON object: got a list"),
        ("null", "must be a JSON object: got null"),
        ('{"a": 1e999}', "the number 1e999 is too large for a double"),
        ('{"a": -Infinity}', "-Infinity is not valid JSON"),
        ('{"a": NaN}', "NaN is not valid JSON"),
        ('{"\\udc00": 1}', "it must not have a lone surrogate"),
        ('{"a": "\ud800"}', "is not UTF-8"),
        ('\ufeff{"a": 1}', "BOM"),
        (f'{{"a": {"9" * 5000}}}', "Exceeds the limit"),
    ],
    ids=["empty", "list", "null", "too large", "infinite", "not a number", "surrogate", "raw surrogate", "BOM", "long"],
)
def test_fails_when_two_parsers_could_read_a_body_differently(body: str, why: str) -> None:
    with pytest.raises(ApiError, match=why) as caught:
        read(body)
    assert (caught.value.status, caught.value.code) == (400, "invalid_json")
