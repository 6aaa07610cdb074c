"""Polls the state of a prompt: ended, running, pending or lost."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any, Final

from queue_agent import clock
from queue_agent.errors import (
    RuntimeBusyError,
    RuntimeHungError,
    RuntimeUnavailableError,
    StalledError,
    TaskFailedError,
)
from queue_agent.runtimes.comfyui.refusal import execution_error, is_blocked
from queue_agent.runtimes.comfyui.ui_values import is_unfinished_batch
from queue_agent.runtimes.http import PATIENCE_S, NoAnswerError, RuntimeHttp, attempt
from task_record.inputs.meta_batch import META_BATCH

_MISSING_POLLS: Final = 3
"""A prompt is lost after this many polls without it. It moves from the queue to the history with a short gap."""
_HUNG_S: Final = 10.0
"""Maximum time with a pending prompt and no running one. The server cleans up between two prompts."""
_HISTORY_S: Final = 5.0
_HISTORY_POLL_INTERVAL_S: Final = 0.02
"""The history entry is written shortly after the success event; the longest measured delay is 63 ms."""


class Watch:
    """Polls one prompt.

    Args:
        http: HTTP client of the server.
        prompt_id: id of the prompt.
    """

    def __init__(self, http: RuntimeHttp, prompt_id: str) -> None:
        self._http = http
        self._prompt_id = prompt_id
        self._lost = 0
        self._hung_since: float | None = None

    @property
    def is_in_doubt(self) -> bool:
        """Whether the last poll did not find the prompt."""
        return self._lost > 0

    async def has_ended(self) -> bool:
        """Whether the prompt has succeeded. Called repeatedly.

        Raises:
            TaskFailedError: the prompt failed.
            StalledError: a node queued the rest of the work as another prompt.
            RuntimeUnavailableError: the server failed, or lost the prompt.
            RuntimeHungError: the prompt is pending, and nothing runs.
            GpuFaultError: the GPU or its driver failed.
        """
        try:
            if await self._find():
                return True
            await self._check_queue()
        except (NoAnswerError, RuntimeBusyError):
            pass  # a server may be busy for a long time while it loads a model; the stall limit decides
        return False

    async def history(self) -> dict[str, Any]:
        """The history entry of the ended prompt.

        Raises:
            TaskFailedError: the prompt failed, or is not the complete work.
            RuntimeUnavailableError: the server failed, or has no such entry.
            GpuFaultError: the GPU or its driver failed.
        """
        until = clock.monotonic_s() + _HISTORY_S
        while not (entry := await self._find(PATIENCE_S)):
            if clock.monotonic_s() > until:
                raise RuntimeUnavailableError("the runtime has no history entry for the task", accepted=True)
            await asyncio.sleep(_HISTORY_POLL_INTERVAL_S)
        return entry

    async def _find(self, timeout_s: float | None = None) -> dict[str, Any]:
        with attempt(counts=True):
            reply = await self._http.get(f"/history/{self._prompt_id}", timeout_s=timeout_s)
        entry = reply.object().get(self._prompt_id)
        if not isinstance(entry, dict):
            return {}
        if any(is_unfinished_batch(output) for output in (entry.get("outputs") or {}).values()):
            raise unfinished_batch()
        if (entry.get("status") or {}).get("status_str") == "error":
            if any(messages_of(entry, "execution_interrupted")):
                raise interrupted()
            errors = (data for data in messages_of(entry, "execution_error") if not is_blocked(data))
            raise execution_error(next(errors, {}))
        return entry

    async def _check_queue(self) -> None:
        with attempt(counts=True):
            queue = (await self._http.get("/queue")).object()
        running, pending = (_ids(queue.get(f"queue_{state}")) for state in ("running", "pending"))
        self._lost = 0 if self._prompt_id in {*running, *pending} else self._lost + 1
        if self._lost >= _MISSING_POLLS:
            raise RuntimeUnavailableError("the runtime lost the task: it was restarted", accepted=True)
        if running or self._prompt_id not in pending:
            self._hung_since = None
            return
        now = clock.monotonic_s()
        if self._hung_since is None:
            self._hung_since = now
        if now - self._hung_since >= _HUNG_S:
            # Deleted from the queue, so that it never runs.
            await self._http.post("/queue", {"delete": [self._prompt_id]})
            raise RuntimeHungError("the runtime responds, but does not start the task: its worker is hung")


def messages_of(entry: Mapping[str, Any], kind: str) -> Iterator[dict[str, Any]]:
    """The data of the events of one kind in a history entry."""
    for name, data in (entry.get("status") or {}).get("messages") or []:
        if name == kind and isinstance(data, dict):
            yield data


def unfinished_batch() -> StalledError:
    """The error for a workflow that queued further prompts, which the server is still running."""
    return StalledError("invalid_workflow", META_BATCH)


def interrupted() -> TaskFailedError:
    """The error for a task that was interrupted by another client."""
    return TaskFailedError("interrupted", "another client of the runtime interrupted the task")


def _ids(entries: Any) -> list[str]:  # noqa: ANN401 (any JSON value)
    return [str(entry[1]) for entry in entries or [] if isinstance(entry, list) and len(entry) > 1]
