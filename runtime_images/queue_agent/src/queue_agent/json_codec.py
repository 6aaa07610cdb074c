"""JSON as servers and callers speak it: fast where orjson can, and else as Python's own module does."""

import json
from typing import Any

import orjson

from queue_agent.errors import BadTaskError


def encode_json(value: object) -> bytes:
    """Encode a JSON value.

    Raises:
        BadTaskError: it is nested too deeply.
    """
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        # Integers over 64 bits and lone surrogates, which JSON has and orjson refuses.
        try:
            return json.dumps(value).encode()
        except RecursionError as error:
            raise BadTaskError("bad_message", "the content is nested too deeply") from error


def decode_json(body: bytes | str) -> Any:  # noqa: ANN401 (any JSON value)
    """Decode JSON, NaN and Infinity included, which ComfyUI writes; `None` where it is none."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            return None
