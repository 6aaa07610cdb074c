"""The request's body: JSON, read strictly.

What two JSON readers might understand differently is refused: duplicate keys, numbers that are none, text that is none.
"""

import base64
import binascii
import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from task_record.nesting import is_deeper_than

from .errors import ApiError

MAX_DEPTH: Final = 100
"""Deepest nesting of a body. Far above any workflow, and far below where this or the next reader of the message, with
its own limit, would fail on what was accepted here.
"""

_TOO_DEEP: Final = f"it is nested more than {MAX_DEPTH} deep"
_ESCAPED_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")


class NotJsonError(Exception):
    """A text is no JSON object: why."""


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
        came = repr(media_type[:100]) if media_type else "none"
        raise ApiError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            f"Content-Type must be application/json, got {came}",
        )
    body = event.get("body") or ""
    try:
        if not event.get("isBase64Encoded"):
            return Body(_utf8(body), read_json(body))
        received = base64.b64decode(body, validate=True)
        return Body(received, read_json(decoded(received)))
    except NotJsonError as error:
        raise not_json(str(error)) from error
    except (binascii.Error, ValueError) as error:
        raise not_json("it is not base64, although it is said to be") from error


def decoded(received: bytes) -> str:
    """Text of a body.

    Raises:
        NotJsonError: it is not UTF-8.
    """
    try:
        return received.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotJsonError(f"byte {error.start} is not UTF-8") from error


def read_json(text: str) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        NotJsonError: it is none, or one that two readers might understand differently.
    """
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_float=_finite, parse_constant=_constant)
    except RecursionError as error:
        # Where this version of Python gives up, which is far beyond the depth that is allowed.
        raise NotJsonError(_TOO_DEEP) from error
    except ValueError as error:
        raise NotJsonError(str(error)) from error
    if not isinstance(value, dict):
        raise NotJsonError(f"it must be an object, got {_kind(value)}")
    if is_deeper_than(value, MAX_DEPTH):
        raise NotJsonError(_TOO_DEEP)
    # A lone surrogate has no UTF-8 form: it can be read, but never be passed on. A pair of them is one character.
    if "\\" in text and _ESCAPED_SURROGATE.search(text):
        try:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError as error:
            raise NotJsonError("it holds a lone surrogate") from error
    return value


def not_json(why: str, *, field: str | None = None) -> ApiError:
    """400: what came is no JSON object."""
    what = f"{field}: what was uploaded" if field else "the body"
    return ApiError(HTTPStatus.BAD_REQUEST, "invalid_json", f"{what} is no JSON object: {why}", field=field)


def header(event: Mapping[str, Any], name: str) -> str | None:
    """A header of the request by its name, whatever its case."""
    for key, value in (event.get("headers") or {}).items():
        if key.lower() == name:
            return str(value)
    return None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise ValueError(f"the key {twice[:100]!r} stands twice in one object")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:40]} is beyond what a number can hold")
    return number


def _constant(text: str) -> None:
    raise ValueError(f"{text} is no JSON")


def _utf8(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise NotJsonError(f"character {error.start} is not UTF-8") from error


def _kind(value: object) -> str:
    return {list: "a list", str: "a string", bool: "a boolean", type(None): "null"}.get(type(value), "a number")
