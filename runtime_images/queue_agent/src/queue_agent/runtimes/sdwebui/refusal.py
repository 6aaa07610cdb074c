"""The SD Web UI's own words on what it did not do."""

import re
from collections.abc import Mapping
from typing import Any, Final

from queue_agent.errors import GpuFaultError, TaskFailedError
from queue_agent.runtimes.failures import WORDS, failure
from queue_agent.runtimes.http import Reply

_TAG: Final = re.compile(r"<[^>]*>")


def refusal(reply: Reply) -> TaskFailedError | GpuFaultError:
    """The error for a reply that is not 200.

    A1111 and SD.Next say `{error, detail, body, errors}`, Forge `{error, detail, body, message}`, a validator
    `{detail: [...]}`, anything else a string or plain text.
    """
    value = reply.json()
    answer = value if isinstance(value, dict) else {}
    said = _words(answer) or (value if isinstance(value, str) else reply.text())
    return failure(said, kind=_kind(answer), status=reply.status)


def no_image(answer: Mapping[str, Any], info: Mapping[str, Any]) -> TaskFailedError | GpuFaultError:
    """The error for an answer of 200 without an image, which is how SD.Next answers where its pipeline fails.

    Args:
        answer: the answer.
        info: its `info`, read; empty where that is not a JSON object.
    """
    for errors in (answer, info):
        said = _words(errors)
        error = failure(said, kind=_kind(errors))
        if isinstance(error, GpuFaultError) or error.code == "out_of_memory":
            return error
        if said:
            return _no_output(said)
    # Remarks may quote the prompt, so they are not searched for a broken GPU. Infotexts are the parameters.
    plain = "" if info else answer.get("info")
    remarks = (info.get("comments"), plain, _TAG.sub(" ", str(answer.get("html_info") or "")))
    return _no_output(next((_line(one) for one in remarks if one and one != "null"), ""))


def _no_output(said: str) -> TaskFailedError:
    said = " ".join(said.split())
    message = "the runtime answered without an image"
    return TaskFailedError("no_output", f"{message}: {said}"[:WORDS] if said else message)


def _kind(answer: Mapping[str, Any]) -> str:
    kind = answer.get("error")
    return kind if isinstance(kind, str) else ""


def _words(answer: Mapping[str, Any]) -> str:
    """What an error says; empty where it says nothing. `body` is left out: it repeats what was sent."""
    return _line(next((answer[key] for key in ("errors", "message", "detail", "error") if answer.get(key)), ""))


def _line(words: Any) -> str:  # noqa: ANN401 (any JSON value)
    if not isinstance(words, list):
        return str(words)
    return "; ".join(_complaint(one) for one in words)


def _complaint(one: Any) -> str:  # noqa: ANN401 (any JSON value)
    if not isinstance(one, dict):
        return str(one)
    return f"{'.'.join(map(str, one.get('loc') or []))}: {one.get('msg', '')}"
