"""ComfyUI as a whole: whether it is ready, how it is stopped, how a task is prepared."""

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
from queue_agent.runtimes.comfyui.workflow import check_workflow, likeness_of
from queue_agent.runtimes.http import OK, RuntimeHttp, attempt
from task_record.inputs.workflow_files import names_in, with_files
from task_record.runtime_types import COMFYUI, TASK_TYPES

_LOOK_EVERY_S: Final = 0.25
_DELETED_EVERY_S: Final = 1.0
_NAMED_AGAIN: Final = 3
"""So many prompts at most have ended so recently that the server may not have written their history."""


class ComfyUi:
    """The server.

    Args:
        http: HTTP to it.
        finished_files: files of ended workflows, for the janitor of the server's disk.
    """

    def __init__(self, http: RuntimeHttp, finished_files: FinishedFiles | None = None) -> None:
        self._http = http
        self._features = Features(http)
        self._finished_files = finished_files or FinishedFiles(None)
        self._interrupts = 0
        self._ended: list[str] = []
        self._deleted_at = -math.inf

    async def is_ready(self) -> bool:
        """Whether it answers; it loads its models when a workflow asks for them."""
        self._features.forget()
        try:
            return (await self._http.get(COMFYUI.ready_path)).status == OK
        except RuntimeUnavailableError:
            return False

    async def interrupt_until_idle(self, timeout_s: float) -> bool:
        """Empty its queue and interrupt what runs, which stops between two nodes or steps."""
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
                pass  # it does not say whether something runs
            except RuntimeUnavailableError as error:
                return not error.accepted  # nothing listens: nothing runs
            if clock.monotonic_s() + _LOOK_EVERY_S > until:
                return False
            await asyncio.sleep(_LOOK_EVERY_S)

    async def with_inputs(self, content: Content, fetched: Callable[[Content], Awaitable[Content]]) -> Content:  # noqa: ARG002
        """As it is: its inputs are files, which `prepare` uploads."""
        return content

    @asynccontextmanager
    async def prepare(self, task: RuntimeTask) -> AsyncIterator[ComfyUiRequest]:
        """Upload the inputs that the workflow names, and listen under a client id of the task's own."""
        check_workflow(task.content)
        named = names_in(task.content)
        # Fresh for each claim, the same for a repeat of it, and a UUID in the canonical form that the server wants.
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
        """Leave nothing of a task behind: the server keeps whole workflows, and every file."""
        self._finished_files.unneeded(uploads.places)
        if not request.was_posted:
            return
        self._finished_files.workflow_ended(request.left)
        self._ended.append(prompt_id)
        now = clock.monotonic_s()
        if now - self._deleted_at < _DELETED_EVERY_S:
            return  # a request for each quick task would cost as much as the rest of its delivery
        self._deleted_at = now
        unwanted = list(self._ended)
        # The entry of a failed prompt may be written only after this: it is named again, and goes with the next ones.
        del self._ended[:-_NAMED_AGAIN]
        with suppress(RuntimeUnavailableError):
            await self._http.post("/history", {"delete": unwanted})

    def likeness(self, task: RuntimeTask) -> str:
        """The nodes of the workflow and what their time depends on."""
        return likeness_of(task.content)
