"""The request's body: JSON, read strictly.

What two JSON readers might understand differently is refused: duplicate keys, numbers that are none, text that is none.
"""

import base64
import binascii
import hashlib
import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from .errors import ApiError

MAX_DEPTH: Final = 100
"""Deepest nesting of a body. Far above any workflow, and far below where this or the next reader of the message, with
its own limit, would fail on what was accepted here.
"""


@dataclass(frozen=True, slots=True)
class Body:
    """A request's body.

    Attributes:
        received: the bytes as they came.
        value: what they say.
    """

    received: bytes
    value: dict[str, Any]

    @property
    def sha256(self) -> str:
        """SHA-256 of the bytes, hex."""
        return hashlib.sha256(self.received).hexdigest()


def read_body(event: Mapping[str, Any]) -> Body:
    """Read the body of an API Gateway event.

    Raises:
        ApiError: 415 where it is not said to be JSON, 400 where it is not, or is no object.
    """
    media_type = str(header(event, "content-type") or "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        came = repr(media_type) if media_type else "none"
        raise ApiError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            f"Content-Type must be application/json, got {came}",
        )
    received = _bytes(event)
    try:
        text = received.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _not_json(f"byte {error.start} is not UTF-8") from error
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_float=_finite, parse_constant=_constant)
        if _is_deeper_than(value, MAX_DEPTH):
            raise RecursionError  # noqa: TRY301 (one answer, whoever finds it)
        # A lone surrogate has no UTF-8 form: it can be read, but never be passed on.
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except RecursionError as error:
        raise _not_json(f"it is nested more than {MAX_DEPTH} deep") from error
    except UnicodeEncodeError as error:
        raise _not_json("it holds a lone surrogate") from error
    except ValueError as error:
        raise _not_json(str(error)) from error
    if not isinstance(value, dict):
        raise _not_json(f"it must be an object, got {_kind(value)}")
    return Body(received, value)


def header(event: Mapping[str, Any], name: str) -> str | None:
    """A header of the request by its name, whatever its case."""
    for key, value in (event.get("headers") or {}).items():
        if key.lower() == name:
            return str(value)
    return None


def _bytes(event: Mapping[str, Any]) -> bytes:
    body = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return str(body).encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _not_json("it is not base64, although it is said to be") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise ValueError(f"the key {twice[:100]!r} stands twice in one object")
    return found


def _is_deeper_than(value: object, depth: int) -> bool:
    level = [value]
    for _ in range(depth + 1):
        containers = [one for one in level if isinstance(one, dict | list)]
        if not containers:
            return False
        level = [inner for one in containers for inner in (one.values() if isinstance(one, dict) else one)]
    return True


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:40]} is beyond what a number can hold")
    return number


def _constant(text: str) -> None:
    raise ValueError(f"{text} is no JSON")


def _not_json(why: str) -> ApiError:
    return ApiError(HTTPStatus.BAD_REQUEST, "invalid_json", f"the body is no JSON object: {why}")


def _kind(value: object) -> str:
    return {list: "a list", str: "a string", bool: "a boolean", type(None): "null"}.get(type(value), "a number")
