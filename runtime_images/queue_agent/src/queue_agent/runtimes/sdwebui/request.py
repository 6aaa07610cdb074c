"""One inference of the SD Web UI. The request is answered when it is done; meanwhile its progress can be asked for."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from queue_agent.errors import RuntimeUnavailableError
from queue_agent.runtimes.http import OK, HeldPost, OpenReply, RuntimeHttp
from queue_agent.runtimes.sdwebui.checkpoint_files import CheckpointFile
from queue_agent.runtimes.sdwebui.checkpoints import Checkpoints
from queue_agent.runtimes.sdwebui.outputs import SdWebUiOutputs
from queue_agent.runtimes.sdwebui.refusal import refusal

_LOOK_EVERY_S: Final = 0.5
# The preview of what is not finished yet is left out: the server would decode it for every look.
_PROGRESS: Final = {"skip_current_image": "true"}


class SdWebUiRequest:
    """A prepared task.

    Args:
        http: HTTP to the server.
        post: the request.
        checkpoint: the checkpoint that it runs; `None` for a task that uses none.
        further_checkpoints: others that it names, such as a refiner.
        checkpoints: loads it.
        before: makes the server ready for the task, once nothing else runs.
        interrupts: counts the interrupts that the agent has sent.
    """

    def __init__(
        self,
        http: RuntimeHttp,
        *,
        post: HeldPost,
        checkpoint: CheckpointFile | None,
        further_checkpoints: Sequence[CheckpointFile],
        checkpoints: Checkpoints,
        before: Callable[[], Awaitable[None]],
        interrupts: Callable[[], int],
    ) -> None:
        self._http = http
        self._post = post
        self._checkpoint = checkpoint
        self._further_checkpoints = further_checkpoints
        self._checkpoints = checkpoints
        self._before = before
        self._interrupts = interrupts
        self._reply: OpenReply | None = None

    async def infer(self, *, before_post: Callable[[], None], on_progress: Callable[[float], None]) -> SdWebUiOutputs:
        """Send it, and wait for the headers: the server lets go of the GPU before it answers."""
        await self._before()
        if self._checkpoint is not None:
            await self._checkpoints.load(self._checkpoint)
        interrupts_before = self._interrupts()
        looking = asyncio.create_task(self._look(on_progress))
        try:
            reply = self._reply = await self._post.send(before_post=before_post, on_sent=lambda: on_progress(0.0))
        finally:
            looking.cancel()
        if reply.status != OK:
            raise refusal(await reply.read())
        if self._interrupts() != interrupts_before:
            # The server does not say that it was interrupted: it answers with an unfinished picture.
            raise RuntimeUnavailableError("the agent has interrupted the task", accepted=True)
        if self._checkpoint is not None and self._checkpoint.shares_name:
            # Here, where nothing else is loaded meanwhile: the answer does not tell the two apart.
            await self._checkpoints.verify_loaded(self._checkpoint, self._further_checkpoints)
        return SdWebUiOutputs(reply, checkpoint=self._checkpoint, on_wrong_model=self._checkpoints.forget)

    def close(self) -> None:
        """Let the connection go."""
        self._post.close()
        if self._reply is not None:
            self._reply.close()

    async def _look(self, on_progress: Callable[[float], None]) -> None:
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            try:
                told = (await self._http.get("/sdapi/v1/progress", parameters=_PROGRESS)).object()
            except RuntimeUnavailableError:
                continue  # the request itself tells whether the server lives
            share, state = told.get("progress"), told.get("state")
            if isinstance(state, dict) and state.get("job_count") == 0:
                continue  # nothing runs: 0 is told before the task begins, and while its images are encoded
            if isinstance(share, int | float):
                on_progress(min(max(float(share), 0.0), 1.0))
