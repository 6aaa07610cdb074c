"""Deeply nested JSON: the same limits on every Python version."""

from typing import Any

import pytest

from queue_agent.errors import BadTaskError
from queue_agent.json_codec import decode_json, encode_json


def nested(depth: int, inside: Any = 1) -> Any:
    for _ in range(depth):
        inside = [inside]
    return inside


@pytest.mark.parametrize("inside", [1, 2**70, "\ud800"], ids=["plain", "large number", "no Unicode"])
def test_the_deepest_value_is_encoded(inside: Any) -> None:
    assert encode_json(nested(254, inside)).startswith(b"[" * 254)


@pytest.mark.parametrize("inside", [1, 2**70], ids=["plain", "large number"])
@pytest.mark.parametrize("depth", [255, 900, 5_000, 50_000])
def test_fails_when_a_value_is_nested_deeper(depth: int, inside: Any) -> None:
    with pytest.raises(BadTaskError, match="must be nested at most 254 levels deep") as caught:
        encode_json(nested(depth, inside))
    assert caught.value.code == "bad_message"


@pytest.mark.parametrize("inside", ["1", "NaN"])
def test_the_deepest_answer_is_decoded(inside: str) -> None:
    value = decode_json("[" * 200 + inside + "]" * 200)
    for _ in range(200):
        (value,) = value
    assert isinstance(value, int | float)


@pytest.mark.parametrize("inside", ["1", "NaN"])
@pytest.mark.parametrize("depth", [201, 900, 1_025, 5_000, 50_000, 500_000])
def test_a_deeper_response_is_not_decoded(depth: int, inside: str) -> None:
    assert decode_json("[" * depth + inside + "]" * depth) is None
    assert decode_json('{"a":' * depth + inside + "}" * depth) is None
