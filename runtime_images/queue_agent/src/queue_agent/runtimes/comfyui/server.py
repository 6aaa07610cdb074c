"""The client of ComfyUI: readiness, interrupt, preparation of tasks."""

import asyncio
import math
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Final

from queue_agent import clock
from queue_agent.errors import RuntimeBusyError, RuntimeUnavailableError
from queue_agent.json_codec import encode_json
from queue_agent.runtimes.base import Content, RuntimeTask
from queue_agent.runtimes.comfyui.events import Events
from queue_agent.runtimes.comfyui.features import Features
from queue_agent.runtimes.comfyui.finished_files import FinishedFiles
from queue_agent.runtimes.comfyui.request import ComfyUiRequest
from queue_agent.runtimes.comfyui.uploads import Uploads
from queue_agent.runtimes.comfyui.workflow import check_workflow, duration_key_of
from queue_agent.runtimes.http import OK, RuntimeHttp, attempt
from task_record.inputs.workflow_files import names_in, with_files
from task_record.runtime_types import COMFYUI, TASK_TYPES

_POLL_INTERVAL_S: Final = 0.25
_HISTORY_DELETE_INTERVAL_S: Final = 1.0
_RECENT_PROMPTS: Final = 3
"""The server may not have written the history of this many recent prompts."""


class ComfyUi:
    """The client.

    Args:
        http: HTTP client of the server.
        finished_files: the list of files for the janitor.
    """

    def __init__(self, http: RuntimeHttp, finished_files: FinishedFiles | None = None) -> None:
        self._http = http
        self._features = Features(http)
        self._finished_files = finished_files or FinishedFiles(None)
        self._interrupts = 0
        self._ended: list[str] = []
        self._deleted_at = -math.inf

    async def is_ready(self) -> bool:
        """Whether the server responds. It loads models on demand."""
        self._features.forget()
        try:
            return (await self._http.get(COMFYUI.ready_path)).status == OK
        except RuntimeUnavailableError:
            return False

    async def interrupt_until_idle(self, timeout_s: float) -> bool:
        """Clear the queue and interrupt the running prompt, which stops between two nodes or steps."""
        self._interrupts += 1
        until = clock.monotonic_s() + timeout_s
        while True:
            try:
                await self._http.post("/queue", {"clear": True})
                await self._http.post("/interrupt", {})
                queue = (await self._http.get("/queue")).object()
                if not queue.get("queue_running") and not queue.get("queue_pending"):
                    return True
            except RuntimeBusyError:
                pass  # unknown whether a prompt runs
            except RuntimeUnavailableError as error:
                return not error.accepted  # a refused connection: nothing runs
            if clock.monotonic_s() + _POLL_INTERVAL_S > until:
                return False
            await asyncio.sleep(_POLL_INTERVAL_S)

    async def with_inputs(
        self,
        content: Content,
        fetched: Callable[[Content], Awaitable[Content]],  # noqa: ARG002 (the signature of every client)
    ) -> Content:
        """As it is: its inputs are files, which `prepare` uploads."""
        return content

    @asynccontextmanager
    async def prepare(self, task: RuntimeTask) -> AsyncIterator[ComfyUiRequest]:
        """Upload the inputs that the workflow names, and open a websocket with a unique client id."""
        check_workflow(task.content)
        named = names_in(task.content)
        # Unique for each claim, reproducible, and a UUID in the canonical form that the server requires.
        prompt_id = str(uuid.uuid5(uuid.UUID(task.claim_id), task.submission))
        client_id = uuid.uuid4().hex
        async with AsyncExitStack() as held:
            uploads = Uploads(self._http, self._features, task.claim_id)
            held.push_async_callback(uploads.clear)
            with attempt(counts=False):
                paths = await uploads.put({name: file for name, file in task.inputs.items() if name in named})
            workflow = with_files(task.content, paths)
            events = Events(self._http, client_id)
            held.push_async_callback(events.close)
            await events.open()
            body = {"prompt": workflow, "client_id": client_id, "prompt_id": prompt_id}
            post = self._http.hold(TASK_TYPES[task.tasktype].server_path, encode_json(body))
            held.callback(post.close)
            request = ComfyUiRequest(
                self._http,
                prompt_id=prompt_id,
                workflow=workflow,
                post=post,
                events=events,
                uploads=uploads,
                interrupts=lambda: self._interrupts,
                on_shown=self._finished_files.shown,
            )
            held.push_async_callback(self._clean_up, prompt_id, request, uploads)
            yield request

    async def _clean_up(self, prompt_id: str, request: ComfyUiRequest, uploads: Uploads) -> None:
        """Delete the history entry and list the files: the server keeps all workflows and files."""
        self._finished_files.unneeded(uploads.places)
        if not request.was_posted:
            return
        self._finished_files.workflow_ended(request.left)
        self._ended.append(prompt_id)
        now = clock.monotonic_s()
        if now - self._deleted_at < _HISTORY_DELETE_INTERVAL_S:
            return  # for short tasks, one request each would double the cost of the delivery
        self._deleted_at = now
        unwanted = list(self._ended)
        # The entry of a failed prompt may be written later, so its id is sent again with the next deletion.
        del self._ended[:-_RECENT_PROMPTS]
        with suppress(RuntimeUnavailableError):
            await self._http.post("/history", {"delete": unwanted})

    def duration_key(self, task: RuntimeTask) -> str:
        """A hash of the nodes, and of the inputs that affect their duration."""
        return duration_key_of(task.content)
