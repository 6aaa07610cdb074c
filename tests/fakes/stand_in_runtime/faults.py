"""Faults that a test can inject. Each fault happens once, in the next inference."""

import asyncio
import os
import signal
from dataclasses import asdict, dataclass

from aiohttp import web
from aiohttp.typedefs import Handler

from .gpu import Gpu

CUDA_ERROR = (
    "CUDA error: device-side assert triggered\n"
    "CUDA kernel errors might be asynchronously reported at some other API call, so the stacktrace below might be "
    "incorrect.\nCompile with `TORCH_USE_CUDA_DSA` to enable device-side assertions.\n"
)
OUT_OF_MEMORY = "CUDA out of memory. Tried to allocate 2.00 GiB"
_OURS = "/_stand_in/"
_UNRESPONSIVE_POLL_S = 0.02


@dataclass
class Faults:
    """Faults of the next inference.

    Attributes:
        die_mid_task: the process exits during the inference, as after SIGKILL.
        hang: the inference never ends, and ignores interrupts.
        unresponsive: no request is answered until this is reset, as by a suspended process.
        busy: every request is answered with 429 until this is reset, like the rate limit of SD.Next.
        out_of_memory: the inference fails like on a real server without free GPU memory.
        cuda_error: the inference fails like on a real server with a corrupted CUDA context.
        plain_500: the request is answered with 500 and plain text.
        too_many_requests: the request is rejected with 429.
        unavailable: the request is rejected with 503.
        reset: the connection is reset during the inference, which continues (SD Web UI).
        cut_answer: the connection is reset during the response (SD Web UI).
        wrong_model: another model than requested runs (SD Web UI).
        drop_websocket: all websockets are closed during the inference (ComfyUI).
        drop_websocket_for_good: as above, and no new websocket is accepted before the end (ComfyUI).
        hung_worker: no pending prompt is started; all requests are answered (ComfyUI).
        restart: the server loses its state during the inference, and restarts its file names (ComfyUI).
    """

    die_mid_task: bool = False
    hang: bool = False
    unresponsive: bool = False
    busy: bool = False
    out_of_memory: bool = False
    cuda_error: bool = False
    plain_500: bool = False
    too_many_requests: bool = False
    unavailable: bool = False
    reset: bool = False
    cut_answer: bool = False
    wrong_model: bool = False
    drop_websocket: bool = False
    drop_websocket_for_good: bool = False
    hung_worker: bool = False
    restart: bool = False

    def take(self, name: str) -> bool:
        """Whether a fault happens now. The call resets it."""
        wanted = bool(getattr(self, name))
        setattr(self, name, False)
        return wanted

    def refusal(self) -> web.Response | None:
        """The error response that replaces an inference."""
        if self.take("unavailable"):
            return web.Response(status=503, text="Service Unavailable")
        if self.take("too_many_requests"):
            return _too_many_requests()
        if self.take("plain_500"):
            return web.Response(status=500, text="Internal Server Error")
        return None

    async def before_inference(self, gpu: Gpu, name: str) -> None:
        """Apply the faults that do not need the server."""
        if self.take("die_mid_task"):
            asyncio.get_running_loop().call_later(gpu.seconds_per_task / 2, os.kill, os.getpid(), signal.SIGKILL)
        if self.take("hang"):
            await gpu.hang(name)


def _too_many_requests() -> web.Response:
    return web.json_response({"error": "HTTPException", "errors": "429: rate limit exceeded"}, status=429)


def add_routes(app: web.Application, faults: Faults, gpu: Gpu) -> None:
    """Add the routes that tests use."""

    encodings: set[str] = set()

    @web.middleware
    async def before_all(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.path.startswith(_OURS):
            encodings.add(request.headers.get("Accept-Encoding", ""))
            while faults.unresponsive:  # noqa: ASYNC110 (a fault is a plain value)
                await asyncio.sleep(_UNRESPONSIVE_POLL_S)
            if faults.busy:
                return _too_many_requests()
        return await handler(request)

    async def accepted_encodings(_request: web.Request) -> web.Response:
        return web.json_response(sorted(encodings))

    async def journal(_request: web.Request) -> web.Response:
        return web.json_response(gpu.entries)

    async def change(request: web.Request) -> web.Response:
        for name, wanted in (await request.json()).items():
            if not hasattr(faults, name):
                raise web.HTTPBadRequest(text=f"unknown fault {name}")
            setattr(faults, name, bool(wanted))
        return web.json_response(asdict(faults))

    app.middlewares.append(before_all)
    app.router.add_get(f"{_OURS}encodings", accepted_encodings)
    app.router.add_get(f"{_OURS}journal", journal)
    app.router.add_post(f"{_OURS}faults", change)
