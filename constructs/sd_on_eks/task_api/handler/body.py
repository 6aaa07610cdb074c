"""The request body: strict JSON.

JSON that two parsers could read differently is rejected: duplicate keys, NaN and infinity, invalid Unicode.
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
"""Maximum nesting of a body. No workflow is nested so deeply, and every later reader of the message supports it."""

_TOO_DEEP: Final = f"it must be nested at most {MAX_DEPTH} levels deep"
_ESCAPED_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")


class NotJsonError(Exception):
    """The text of a body is not a valid JSON object; the message says why."""


@dataclass(frozen=True, slots=True)
class Body:
    """A request body.

    Attributes:
        received: the bytes as received.
        value: the decoded JSON object.
    """

    received: bytes
    value: dict[str, Any]

    @property
    def sha256(self) -> str:
        """SHA-256 of the bytes, as hexadecimal digits."""
        return hashlib.sha256(self.received).hexdigest()


def read_body(event: Mapping[str, Any]) -> Body:
    """Read the body of an API Gateway event.

    Raises:
        ApiError: 415 if Content-Type is not JSON; 400 if the body is not a valid JSON object.
    """
    media_type = str(header(event, "content-type") or "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        received_type = repr(media_type[:100]) if media_type else "none"
        raise ApiError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            f"Content-Type: must be application/json, got {received_type}",
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
        raise not_json("its base64 encoding is invalid") from error


def decoded(received: bytes) -> str:
    """Decode a body from UTF-8.

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
        NotJsonError: the text is not a JSON object, or two parsers could read it differently.
    """
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_float=_finite, parse_constant=_constant)
    except RecursionError as error:
        # The limit of this version of Python, which is far above the depth that is allowed.
        raise NotJsonError(_TOO_DEEP) from error
    except ValueError as error:
        raise NotJsonError(str(error)) from error
    if not isinstance(value, dict):
        raise NotJsonError(f"got {_kind(value)}")
    if is_deeper_than(value, MAX_DEPTH):
        raise NotJsonError(_TOO_DEEP)
    # A lone surrogate can be read, but cannot be encoded in UTF-8. A pair of surrogates is one character.
    if "\\" in text and _ESCAPED_SURROGATE.search(text):
        try:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError as error:
            raise NotJsonError("it must not have a lone surrogate") from error
    return value


def not_json(why: str, *, field: str | None = None) -> ApiError:
    """400: the body or the upload is not a valid JSON object."""
    rule = "must refer to a JSON object" if field else "must be a JSON object"
    return ApiError(HTTPStatus.BAD_REQUEST, "invalid_json", f"{field or 'body'}: {rule}: {why}", field=field)


def header(event: Mapping[str, Any], name: str) -> str | None:
    """A header of the request by its name, which is not case-sensitive."""
    for key, value in (event.get("headers") or {}).items():
        if key.lower() == name:
            return str(value)
    return None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        duplicate, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise ValueError(f"the key {duplicate[:100]!r} must be unique in its object")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {text[:40]} is too large for a double")
    return number


def _constant(text: str) -> None:
    raise ValueError(f"{text} is not valid JSON")


def _utf8(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise NotJsonError(f"character {error.start} is not UTF-8") from error


def _kind(value: object) -> str:
    return {list: "a list", str: "a string", bool: "a boolean", type(None): "null"}.get(type(value), "a number")
