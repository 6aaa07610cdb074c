"""Converts error messages of the SD Web UI to errors of the task."""

import re
from collections.abc import Mapping
from typing import Any, Final

from queue_agent.errors import GpuFaultError, TaskFailedError
from queue_agent.runtimes.failures import MAX_MESSAGE_LENGTH, failure
from queue_agent.runtimes.http import Reply

_TAG: Final = re.compile(r"<[^>]*>")


def refusal(reply: Reply) -> TaskFailedError | GpuFaultError:
    """The error for a response that is not 200.

    A1111 and SD.Next return `{error, detail, body, errors}`, Forge `{error, detail, body, message}`, a validator
    `{detail: [...]}`, all others a string or plain text.
    """
    value = reply.json()
    answer = value if isinstance(value, dict) else {}
    said = _words(answer) or (value if isinstance(value, str) else reply.text())
    return failure(said, kind=_kind(answer), status=reply.status)


def no_image(answer: Mapping[str, Any], info: Mapping[str, Any]) -> TaskFailedError | GpuFaultError:
    """The error for a 200 response without an image. SD.Next responds so when its pipeline fails.

    Args:
        answer: the response.
        info: the decoded `info`; empty if it is not a JSON object.
    """
    for errors in (answer, info):
        said = _words(errors)
        error = failure(said, kind=_kind(errors))
        if isinstance(error, GpuFaultError) or error.code == "out_of_memory":
            return error
        if said:
            return _no_output(said)
    # Comments may quote the prompt, so they are not searched for GPU failures. `infotexts` has the parameters.
    plain = "" if info else answer.get("info")
    remarks = (info.get("comments"), plain, _TAG.sub(" ", str(answer.get("html_info") or "")))
    return _no_output(next((_line(one) for one in remarks if one and one != "null"), ""))


def _no_output(said: str) -> TaskFailedError:
    said = " ".join(said.split())
    message = "the runtime returned no image"
    return TaskFailedError("no_output", f"{message}: {said}"[:MAX_MESSAGE_LENGTH] if said else message)


def _kind(answer: Mapping[str, Any]) -> str:
    kind = answer.get("error")
    return kind if isinstance(kind, str) else ""


def _words(answer: Mapping[str, Any]) -> str:
    """The message of an error; may be empty. `body` is omitted: it repeats the request."""
    return _line(next((answer[key] for key in ("errors", "message", "detail", "error") if answer.get(key)), ""))


def _line(words: Any) -> str:  # noqa: ANN401 (any JSON value)
    if not isinstance(words, list):
        return str(words)
    return "; ".join(_error_message(one) for one in words)


def _error_message(one: Any) -> str:  # noqa: ANN401 (any JSON value)
    if not isinstance(one, dict):
        return str(one)
    return f"{'.'.join(map(str, one.get('loc') or []))}: {one.get('msg', '')}"
