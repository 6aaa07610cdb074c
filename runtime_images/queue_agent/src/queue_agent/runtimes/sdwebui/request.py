"""One inference of the SD Web UI. The server responds when it is done. Meanwhile the agent polls the progress."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from queue_agent.errors import RuntimeUnavailableError
from queue_agent.runtimes.http import OK, HeldPost, OpenReply, RuntimeHttp
from queue_agent.runtimes.sdwebui.checkpoint_files import CheckpointFile
from queue_agent.runtimes.sdwebui.checkpoints import Checkpoints
from queue_agent.runtimes.sdwebui.outputs import SdWebUiOutputs
from queue_agent.runtimes.sdwebui.refusal import refusal

_POLL_INTERVAL_S: Final = 0.5
# Without the preview, which the server would decode for every poll.
_PROGRESS: Final = {"skip_current_image": "true"}


class SdWebUiRequest:
    """A prepared task.

    Args:
        http: HTTP client of the server.
        post: the prepared request.
        checkpoint: the checkpoint of the task; `None` for a task that uses none.
        further_checkpoints: other checkpoints of the task, such as a refiner.
        checkpoints: loads the checkpoint.
        before: prepares the server for the task, after the previous one has ended.
        interrupts: returns the number of interrupts that the agent has sent.
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
        """Send the request, and wait for the headers: the server releases the GPU before it responds."""
        await self._before()
        if self._checkpoint is not None:
            await self._checkpoints.load(self._checkpoint)
        interrupts_before = self._interrupts()
        polling = asyncio.create_task(self._poll_progress(on_progress))
        try:
            reply = self._reply = await self._post.send(before_post=before_post, on_sent=lambda: on_progress(0.0))
        finally:
            polling.cancel()
        if reply.status != OK:
            raise refusal(await reply.read())
        if self._interrupts() != interrupts_before:
            # The server does not report an interrupt: it returns an unfinished image.
            raise RuntimeUnavailableError("the agent interrupted the task", accepted=True)
        if self._checkpoint is not None and self._checkpoint.shares_name:
            # The response does not distinguish the two. Checked here, before another checkpoint can be loaded.
            await self._checkpoints.verify_loaded(self._checkpoint, self._further_checkpoints)
        return SdWebUiOutputs(reply, checkpoint=self._checkpoint, on_wrong_model=self._checkpoints.forget)

    def close(self) -> None:
        """Close the connection."""
        self._post.close()
        if self._reply is not None:
            self._reply.close()

    async def _poll_progress(self, on_progress: Callable[[float], None]) -> None:
        while True:
            await asyncio.sleep(_POLL_INTERVAL_S)
            try:
                progress = (await self._http.get("/sdapi/v1/progress", parameters=_PROGRESS)).object()
            except RuntimeUnavailableError:
                continue  # the request itself detects a failed server
            share, state = progress.get("progress"), progress.get("state")
            if isinstance(state, dict) and state.get("job_count") == 0:
                continue  # nothing runs: the server reports 0 before the task starts, and while it encodes the images
            if isinstance(share, int | float):
                on_progress(min(max(float(share), 0.0), 1.0))
