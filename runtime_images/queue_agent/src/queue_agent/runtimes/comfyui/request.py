"""One inference of ComfyUI: the prompt is added to the server's queue, and events report its progress."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from queue_agent import clock
from queue_agent.errors import RuntimeUnavailableError, TaskFailedError
from queue_agent.runtimes.base import TaskWarning
from queue_agent.runtimes.comfyui.events import Event, Events
from queue_agent.runtimes.comfyui.outputs import ComfyUiOutputs
from queue_agent.runtimes.comfyui.progress import Progress
from queue_agent.runtimes.comfyui.refusal import (
    blocked_branch,
    execution_error,
    is_blocked,
    node_error_messages,
    refusal,
)
from queue_agent.runtimes.comfyui.socket_images import SocketImages
from queue_agent.runtimes.comfyui.ui_values import Place, is_unfinished_batch, left_files
from queue_agent.runtimes.comfyui.uploads import Uploads
from queue_agent.runtimes.comfyui.watch import Watch, interrupted, unfinished_batch
from queue_agent.runtimes.comfyui.workflow import models_of, seeds_of
from queue_agent.runtimes.http import OK, HeldPost, Reply, RuntimeHttp

_POLL_INTERVAL_S: Final = 0.25
_QUIET_S: Final = 2.0
"""After this time without an event of the prompt, the server is polled. Node packs send events to every websocket."""


class ComfyUiRequest:
    """A prepared task.

    Args:
        http: HTTP client of the server.
        prompt_id: a UUID in canonical form.
        workflow: the graph.
        post: the prepared request.
        events: events of the client id in the body.
        uploads: the task's inputs.
        interrupts: returns the number of interrupts that the agent has sent.
        on_shown: called with the `ui` values of each node, by its id, after it has run.

    Attributes:
        was_posted: whether the server may have received the prompt.
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
        on_shown: Callable[[Mapping[str, Any]], None],
    ) -> None:
        self._http = http
        self._prompt_id = prompt_id
        self._workflow = workflow
        self._post = post
        self._events = events
        self._uploads = uploads
        self._interrupts = interrupts
        self._on_shown = on_shown
        self._watch = Watch(http, prompt_id)
        self._images = SocketImages(workflow)
        self._warnings: list[TaskWarning] = []
        self._made: dict[str, Any] = {}
        self._heard_at = 0.0
        self._outputs: ComfyUiOutputs | None = None
        self.was_posted: bool = False

    @property
    def left(self) -> set[Place]:
        """Known files of the workflow on the server's disk, also after a failure."""
        if self._outputs is None:
            return left_files(self._made)
        return left_files(self._made | self._outputs.shown) | self._outputs.viewed

    async def infer(self, *, before_post: Callable[[], None], on_progress: Callable[[float], None]) -> ComfyUiOutputs:
        """Send the prompt, and wait until all its nodes have run. Then the server starts the next prompt."""
        interrupts_before = self._interrupts()

        def sent() -> None:
            self.was_posted = True
            on_progress(0.0)

        opened = await self._post.send(before_post=before_post, on_sent=sent)
        reply = await opened.read()
        if reply.status != OK:
            raise await self._refusal(reply)
        try:
            await self._follow(on_progress)
        except TaskFailedError as error:
            if self._interrupts() == interrupts_before:
                raise
            raise RuntimeUnavailableError("the agent interrupted the task", accepted=True) from error
        summary = {
            "prompt_id": self._prompt_id,
            "seeds": seeds_of(self._workflow),
            "models": models_of(self._workflow),
        }
        # The server runs the valid part of a graph and reports the nodes that it skipped.
        node_errors = node_error_messages(reply.object().get("node_errors"))
        self._outputs = ComfyUiOutputs(
            self._http,
            self._watch,
            summary=summary,
            node_errors=node_errors,
            warnings=self._warnings,
            images=self._images,
        )
        return self._outputs

    async def _refusal(self, reply: Reply) -> Exception:
        if not await self._uploads.are_there():
            return RuntimeUnavailableError("the runtime lost the inputs: it was restarted", accepted=False)
        return refusal(reply)

    async def _follow(self, on_progress: Callable[[float], None]) -> None:
        losses = self._events.losses
        await self._follow_to_the_end(on_progress)
        if self._events.losses != losses and not self._images.are_whole:
            raise RuntimeUnavailableError("the websocket closed while the workflow sent images over it", accepted=True)

    async def _follow_to_the_end(self, on_progress: Callable[[float], None]) -> None:
        """Receive events until the prompt has ended. Without events, poll the server."""
        progress, events = Progress(self._workflow), self._events
        looked_at = self._heard_at = clock.monotonic_s()
        while True:
            # One timer for many events: a timer costs as much as an event.
            try:
                async with asyncio.timeout(_POLL_INTERVAL_S):
                    if await self._listen(progress, on_progress):
                        return
            except TimeoutError:
                pass
            now = clock.monotonic_s()
            if events.missed or now - max(self._heard_at, looked_at) >= _QUIET_S:
                if await self._watch.has_ended():
                    return
                looked_at, events.missed = now, self._watch.is_in_doubt or not events.is_open

    async def _listen(self, progress: Progress, on_progress: Callable[[float], None]) -> bool:
        """Whether the prompt succeeded; `False` if the server must be polled for the result."""
        while True:
            event = await self._events.next()
            self._images.take(event.frame)
            if event.data.get("prompt_id") != self._prompt_id:
                continue
            self._heard_at = clock.monotonic_s()
            self._images.heard(event)
            match event.kind:
                case "execution_success":
                    return True
                case "executed":
                    self._executed(event)
                case "execution_error" if is_blocked(event.data):
                    self._warnings.append(blocked_branch(event.data))
                case "execution_error":
                    raise execution_error(event.data)
                case "execution_interrupted":
                    raise interrupted()
                case "executing" if event.data.get("node") is None:
                    # The last event. The event with the result was missed.
                    self._events.missed = True
                    return False
            share = progress.heard(event)
            if share is not None:
                on_progress(share)

    def _executed(self, event: Event) -> None:
        output = event.data.get("output")
        if is_unfinished_batch(output):
            raise unfinished_batch()
        made = {str(event.data.get("node")): output}
        self._on_shown(made)
        self._made |= made
