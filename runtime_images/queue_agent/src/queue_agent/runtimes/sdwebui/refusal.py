"""The SD Web UI's own words on what it did not do."""

from typing import Any

from queue_agent.errors import GpuFaultError, TaskFailedError
from queue_agent.runtimes.failures import failure
from queue_agent.runtimes.http import Reply


def refusal(reply: Reply) -> TaskFailedError | GpuFaultError:
    """The error for a reply: `{error, detail, body, errors}`, a validator's `{detail: [...]}`, or a plain text."""
    answer = reply.object()
    kind = answer.get("error")
    # `body` is left out: it repeats what was sent.
    words = answer.get("errors") or answer.get("detail") or kind or reply.text()
    return failure(_line(words), kind=kind if isinstance(kind, str) else "", status=reply.status)


def _line(words: Any) -> str:  # noqa: ANN401 (any JSON value)
    if not isinstance(words, list):
        return str(words)
    return "; ".join(_complaint(one) for one in words)


def _complaint(one: Any) -> str:  # noqa: ANN401 (any JSON value)
    if not isinstance(one, dict):
        return str(one)
    return f"{'.'.join(map(str, one.get('loc') or []))}: {one.get('msg', '')}"
