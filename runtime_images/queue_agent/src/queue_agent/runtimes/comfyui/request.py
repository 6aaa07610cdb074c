"""One inference of ComfyUI: it is put into the server's queue, and events tell how it goes on."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from queue_agent import clock
from queue_agent.errors import RuntimeUnavailableError, TaskFailedError
from queue_agent.runtimes.comfyui.events import Events
from queue_agent.runtimes.comfyui.outputs import ComfyUiOutputs
from queue_agent.runtimes.comfyui.progress import Progress
from queue_agent.runtimes.comfyui.refusal import execution_error, node_complaints, refusal
from queue_agent.runtimes.comfyui.uploads import Uploads
from queue_agent.runtimes.comfyui.watch import Watch, interrupted
from queue_agent.runtimes.comfyui.workflow import models_of, seeds_of
from queue_agent.runtimes.http import OK, HeldPost, Reply, RuntimeHttp

_LOOK_EVERY_S: Final = 0.25
_QUIET_S: Final = 2.0
"""After so long without an event the server is asked."""


class ComfyUiRequest:
    """A prepared task.

    Args:
        http: HTTP to the server.
        prompt_id: a UUID in its canonical form.
        workflow: the graph.
        post: the request.
        events: of the client that the body names.
        uploads: the task's inputs.
        interrupts: counts the interrupts that the agent has sent.
    """

    def __init__(
        self,
        http: RuntimeHttp,
        *,
        prompt_id: str,
        workflow: Mapping[str, Any],
        post: HeldPost,
        events: Events,
        uploads: Uploads,
        interrupts: Callable[[], int],
    ) -> None:
        self._http = http
        self._prompt_id = prompt_id
        self._workflow = workflow
        self._post = post
        self._events = events
        self._uploads = uploads
        self._interrupts = interrupts
        self._watch = Watch(http, prompt_id)

    async def infer(self, *, before_post: Callable[[], None], on_progress: Callable[[float], None]) -> ComfyUiOutputs:
        """Send it, and wait until all its nodes have run: then the server begins with the next one."""
        interrupts_before = self._interrupts()
        opened = await self._post.send(before_post=before_post, on_sent=lambda: on_progress(0.0))
        reply = await opened.read()
        if reply.status != OK:
            raise await self._refusal(reply)
        try:
            await self._follow(on_progress)
        except TaskFailedError as error:
            if self._interrupts() == interrupts_before:
                raise
            raise RuntimeUnavailableError("the agent has interrupted the task", accepted=True) from error
        summary = {
            "prompt_id": self._prompt_id,
            "seeds": seeds_of(self._workflow),
            "models": models_of(self._workflow),
        }
        # The server runs the valid part of a graph and says what it left out.
        node_errors = node_complaints(reply.object().get("node_errors"))
        return ComfyUiOutputs(self._http, self._watch, summary=summary, node_errors=node_errors)

    async def _refusal(self, reply: Reply) -> Exception:
        if not await self._uploads.are_there():
            return RuntimeUnavailableError("the runtime has lost the inputs: it was restarted", accepted=False)
        return refusal(reply)

    async def _follow(self, on_progress: Callable[[float], None]) -> None:
        """Listen until the prompt has ended; where there is nothing to be heard, ask."""
        progress, events = Progress(self._workflow), self._events
        looked_at = events.heard_at = clock.monotonic_s()
        while True:
            # One timer for many events: each of them would cost as much as the event itself.
            try:
                async with asyncio.timeout(_LOOK_EVERY_S):
                    if await self._listen(progress, on_progress):
                        return
            except TimeoutError:
                pass
            now = clock.monotonic_s()
            if events.missed or now - max(events.heard_at, looked_at) >= _QUIET_S:
                if await self._watch.has_ended():
                    return
                looked_at, events.missed = now, self._watch.is_in_doubt or not events.is_open

    async def _listen(self, progress: Progress, on_progress: Callable[[float], None]) -> bool:
        """Whether the prompt has ended well; `False` where only the server can tell how it has ended."""
        while True:
            event = await self._events.next()
            if event.data.get("prompt_id") != self._prompt_id:
                continue
            match event.kind:
                case "execution_success":
                    return True
                case "execution_error":
                    raise execution_error(event.data)
                case "execution_interrupted":
                    raise interrupted()
                case "executing" if event.data.get("node") is None:
                    # The very last event: the one that says how it ended was missed.
                    self._events.missed = True
                    return False
            share = progress.heard(event)
            if share is not None:
                on_progress(share)
