"""JSON encoding and decoding: with orjson if possible, otherwise with Python's `json` module."""

import json
from typing import Any, Final

import orjson

from queue_agent.errors import BadTaskError
from task_record.nesting import is_deeper_than

_DECODED_DEPTH: Final = 200
"""Maximum nesting of decoded values, as for messages. All code that walks a value supports it."""
_ENCODED_DEPTH: Final = 254
"""Maximum nesting of encoded values: the limit of orjson, applied to Python's `json` module too."""


def encode_json(value: object) -> bytes:
    """Encode a JSON value.

    Raises:
        BadTaskError: the value is nested too deeply.
    """
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError as error:
        if is_deeper_than(value, _ENCODED_DEPTH):
            message = f"the content must be nested at most {_ENCODED_DEPTH} levels deep"
            raise BadTaskError("bad_message", message) from error
        # Integers over 64 bits and lone surrogates, which orjson rejects.
        return json.dumps(value).encode()


def decode_json(body: bytes | str) -> Any:  # noqa: ANN401 (any JSON value)
    """Decode JSON, including NaN and Infinity, which ComfyUI writes; `None` if it is not valid or nested too deeply."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        try:
            value = json.loads(body)
        except (ValueError, RecursionError):
            return None
    # Each level needs two brackets. Most values are short events of a running workflow, and skip the check.
    is_deep = len(body) > 2 * _DECODED_DEPTH and is_deeper_than(value, _DECODED_DEPTH)
    return None if is_deep else value
