"""What can be asked of the server where it says nothing: whether a prompt has ended, runs, waits, or is lost."""

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

_LOST_LOOKS: Final = 3
"""So many times in a row it must be nowhere: between the queue and the history it is for a moment."""
_HUNG_S: Final = 10.0
"""So long nothing may run while something waits: the server cleans up between two prompts."""
_HISTORY_S: Final = 5.0
_HISTORY_EVERY_S: Final = 0.02
"""History is written shortly after the event that says that all is done; up to 63 ms were seen."""


class Watch:
    """Asks about one prompt.

    Args:
        http: HTTP to the server.
        prompt_id: the prompt.
    """

    def __init__(self, http: RuntimeHttp, prompt_id: str) -> None:
        self._http = http
        self._prompt_id = prompt_id
        self._lost = 0
        self._hung_since: float | None = None

    @property
    def is_in_doubt(self) -> bool:
        """Whether the prompt was nowhere when last looked for."""
        return self._lost > 0

    async def has_ended(self) -> bool:
        """Whether it has ended well; to be asked again and again.

        Raises:
            TaskFailedError: it failed.
            StalledError: a node has queued the rest of it as another prompt.
            RuntimeUnavailableError: the server died, or has forgotten it.
            RuntimeHungError: it waits, and nothing runs.
            GpuFaultError: the GPU or its driver is broken.
        """
        try:
            if await self._find():
                return True
            await self._look_at_queue()
        except (NoAnswerError, RuntimeBusyError):
            pass  # a server that loads a model may be busy for long; the stall limit decides
        return False

    async def history(self) -> dict[str, Any]:
        """Its entry in the history, once it has ended.

        Raises:
            TaskFailedError: it failed, or is not all of the work.
            RuntimeUnavailableError: the server died, or has no such entry.
            GpuFaultError: the GPU or its driver is broken.
        """
        until = clock.monotonic_s() + _HISTORY_S
        while not (entry := await self._find(PATIENCE_S)):
            if clock.monotonic_s() > until:
                raise RuntimeUnavailableError("the runtime has no history of the task", accepted=True)
            await asyncio.sleep(_HISTORY_EVERY_S)
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

    async def _look_at_queue(self) -> None:
        with attempt(counts=True):
            queue = (await self._http.get("/queue")).object()
        running, pending = (_ids(queue.get(f"queue_{state}")) for state in ("running", "pending"))
        self._lost = 0 if self._prompt_id in {*running, *pending} else self._lost + 1
        if self._lost >= _LOST_LOOKS:
            raise RuntimeUnavailableError("the runtime has forgotten the task: it was restarted", accepted=True)
        if running or self._prompt_id not in pending:
            self._hung_since = None
            return
        now = clock.monotonic_s()
        if self._hung_since is None:
            self._hung_since = now
        if now - self._hung_since >= _HUNG_S:
            # Taken back, so that nobody ever runs it.
            await self._http.post("/queue", {"delete": [self._prompt_id]})
            raise RuntimeHungError("the runtime answers, but does not begin the task: its worker hangs")


def messages_of(entry: Mapping[str, Any], kind: str) -> Iterator[dict[str, Any]]:
    """What the events of a kind said that an entry of the history keeps."""
    for name, data in (entry.get("status") or {}).get("messages") or []:
        if name == kind and isinstance(data, dict):
            yield data


def unfinished_batch() -> StalledError:
    """The error for a workflow whose rest a node has queued by itself: the server is still at work on it."""
    return StalledError("invalid_workflow", META_BATCH)


def interrupted() -> TaskFailedError:
    """The error for a task that somebody else has interrupted."""
    return TaskFailedError("interrupted", "somebody interrupted the task in the runtime")


def _ids(entries: Any) -> list[str]:  # noqa: ANN401 (any JSON value)
    return [str(entry[1]) for entry in entries or [] if isinstance(entry, list) and len(entry) > 1]
