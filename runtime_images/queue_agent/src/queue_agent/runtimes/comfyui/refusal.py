"""Converts error messages of ComfyUI to errors and warnings of the task."""

from collections.abc import Mapping
from typing import Any, Final

from queue_agent.errors import GpuFaultError, TaskFailedError
from queue_agent.runtimes.base import TaskWarning
from queue_agent.runtimes.failures import MAX_MESSAGE_LENGTH, failure
from queue_agent.runtimes.http import Reply

_TRACEBACK_LINES: Final = 10
_NODES: Final = 10
_INTERNAL_ERROR: Final = 500
_BLOCKED: Final = "ExecutionBlocked"


def refusal(reply: Reply) -> TaskFailedError | GpuFaultError:
    """The error for a workflow that the server rejected."""
    body = reply.object()
    error = body.get("error")
    if isinstance(error, dict):
        node_errors = node_error_messages(body.get("node_errors"))
        words = [error.get("message"), error.get("details"), *_lines(node_errors)]
        said = " ".join(str(word) for word in words if word)
        return TaskFailedError(
            "invalid_workflow", said[:MAX_MESSAGE_LENGTH], type=error.get("type"), node_errors=node_errors
        )
    if isinstance(error, str) and reply.status < _INTERNAL_ERROR:
        return TaskFailedError("invalid_workflow", error[:MAX_MESSAGE_LENGTH])
    return failure(reply.text(), status=reply.status)


def execution_error(data: Mapping[str, Any]) -> TaskFailedError | GpuFaultError:
    """The error for an `execution_error` event."""
    kind = str(data.get("exception_type") or "")
    # `current_inputs` is omitted: it has dumps of tensors and repeats the prompt.
    return failure(
        str(data.get("exception_message") or "the workflow failed"),
        kind=kind,
        exception_type=kind,
        node_id=data.get("node_id"),
        node_type=data.get("node_type"),
        traceback="".join(str(line) for line in (data.get("traceback") or [])[-_TRACEBACK_LINES:])[:MAX_MESSAGE_LENGTH],
    )


def is_blocked(data: Mapping[str, Any]) -> bool:
    """Whether an `execution_error` is not fatal: a node blocked its dependent nodes, and all others run."""
    return str(data.get("exception_type")).rpartition(".")[2] == _BLOCKED


def blocked_branch(data: Mapping[str, Any]) -> TaskWarning:
    """The warning for a branch that a node blocked."""
    said = str(data.get("exception_message") or "a node blocked this branch").strip()[:MAX_MESSAGE_LENGTH]
    node_id = data.get("node_id")
    return TaskWarning(code="blocked", message=said, node_id=None if node_id is None else str(node_id))


def node_error_messages(node_errors: Any) -> dict[str, str]:  # noqa: ANN401 (any JSON value)
    """One error message for each node."""
    if not isinstance(node_errors, dict):
        return {}
    return {str(key): _error_message(error) for key, error in list(node_errors.items())[:_NODES]}


def _lines(node_errors: Mapping[str, str]) -> list[str]:
    return [f"Node {key}: {line}." for key, line in node_errors.items()]


def _error_message(error: Any) -> str:  # noqa: ANN401 (any JSON value)
    if not isinstance(error, dict):
        return str(error)[:MAX_MESSAGE_LENGTH]
    errors = [one for one in error.get("errors") or [] if isinstance(one, dict)]
    said = "; ".join(f"{one.get('message', '')}: {one.get('details', '')}" for one in errors)
    return f"{error.get('class_type', '')}: {said}"[:MAX_MESSAGE_LENGTH]
