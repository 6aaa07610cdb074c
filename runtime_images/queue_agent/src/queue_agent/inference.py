"""Runs one inference, and stops it if it makes no progress or takes too long."""

import asyncio
from collections.abc import Callable
from typing import Final

from queue_agent import clock
from queue_agent.errors import StalledError
from queue_agent.runtimes.base import Outputs, Request

_POLL_INTERVAL_S: Final = 1.0


async def infer(
    request: Request,
    *,
    before_post: Callable[[], None],
    on_progress: Callable[[float], None],
    stall_s: float,
    longest_task_s: float,
) -> Outputs:
    """Run the inference of a prepared task.

    Args:
        request: the prepared task.
        before_post: called immediately before the request is sent; raises to prevent it.
        on_progress: as in `Request.infer`.
        stall_s: maximum time without progress.
        longest_task_s: maximum total time.

    Raises:
        StalledError: it made no progress, or took too long. The server may still be running it.
        TaskFailedError: the server failed it.
        BadTaskError: the server can never run it.
        RuntimeUnavailableError: the server is unavailable, or failed during the inference.
        GpuFaultError: the GPU or its driver failed.
    """
    started = clock.monotonic_s()
    moved_at, share_done = started, -1.0

    def heard(progress: float) -> None:
        nonlocal moved_at, share_done
        if progress != share_done:
            moved_at, share_done = clock.monotonic_s(), progress
        on_progress(progress)

    running = asyncio.ensure_future(request.infer(before_post=before_post, on_progress=heard))
    try:
        while True:
            done, _ = await asyncio.wait({running}, timeout=_POLL_INTERVAL_S)
            if done:
                return running.result()
            now = clock.monotonic_s()
            if now - moved_at > stall_s:
                raise StalledError("timeout", f"the runtime made no progress for {stall_s:g} s")
            if now - started > longest_task_s:
                raise StalledError("timeout", f"the task took longer than {longest_task_s:g} s")
    finally:
        if not running.done():
            running.cancel()
            await asyncio.wait({running})
