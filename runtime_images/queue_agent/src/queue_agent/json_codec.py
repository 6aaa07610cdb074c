"""JSON as servers and callers speak it: fast where orjson can, and else as Python's own module does."""

import json
from typing import Any, Final

import orjson

from queue_agent.errors import BadTaskError
from task_record.nesting import is_deeper_than

_DECODED_DEPTH: Final = 200
"""Deepest nesting that is read, as of a message: whatever walks a value afterwards has room for it."""
_ENCODED_DEPTH: Final = 254
"""Deepest nesting that is written: orjson's own limit, so that Python's module, which takes over, has the same."""


def encode_json(value: object) -> bytes:
    """Encode a JSON value.

    Raises:
        BadTaskError: it is nested too deeply.
    """
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError as error:
        if is_deeper_than(value, _ENCODED_DEPTH):
            raise BadTaskError("bad_message", f"the content is nested more than {_ENCODED_DEPTH} deep") from error
        # Integers over 64 bits and lone surrogates, which JSON has and orjson refuses.
        return json.dumps(value).encode()


def decode_json(body: bytes | str) -> Any:  # noqa: ANN401 (any JSON value)
    """Decode JSON, NaN and Infinity included, which ComfyUI writes; `None` where it is none, or nested too deeply."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        try:
            value = json.loads(body)
        except (ValueError, RecursionError):
            return None
    # Each level takes two brackets, and most of what is decoded is short: the events of a running workflow.
    is_deep = len(body) > 2 * _DECODED_DEPTH and is_deeper_than(value, _DECODED_DEPTH)
    return None if is_deep else value
