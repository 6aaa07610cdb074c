"""What a test can make go wrong; each fault happens once, to the next inference."""

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
_DEAF_LOOK_S = 0.02


@dataclass
class Faults:
    """Faults of the next inference.

    Attributes:
        die_mid_task: the process is gone half-way, as after SIGKILL.
        hang: it never ends, and does not hear an interrupt.
        deaf: nothing is answered until this is unset again, as by a process that is stopped.
        busy: every request is answered 429 until this is unset again, as by SD.Next's limit of requests a minute.
        out_of_memory: it fails as the real server does when the GPU's memory is full.
        cuda_error: it fails as the real server does when the GPU's context is broken.
        plain_500: the request is answered 500 with a plain text.
        too_many_requests: the request is answered 429 before it is taken.
        unavailable: the request is answered 503 before it is taken.
        reset: its connection is reset half-way; the inference goes on (SD Web UI).
        cut_answer: its connection is reset in the midst of the answer (SD Web UI).
        wrong_model: another model runs than was asked for (SD Web UI).
        drop_websocket: all websockets are closed while it runs (ComfyUI).
        drop_websocket_for_good: no new one is taken before it has ended, either (ComfyUI).
        hung_worker: what waits is never begun again; all else is answered (ComfyUI).
        restart: the server forgets everything half-way, and its file names start over (ComfyUI).
    """

    die_mid_task: bool = False
    hang: bool = False
    deaf: bool = False
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
        """Whether a fault is to happen now; it is used up by this."""
        wanted = bool(getattr(self, name))
        setattr(self, name, False)
        return wanted

    def refusal(self) -> web.Response | None:
        """An answer in place of an inference."""
        if self.take("unavailable"):
            return web.Response(status=503, text="Service Unavailable")
        if self.take("too_many_requests"):
            return _too_many_requests()
        if self.take("plain_500"):
            return web.Response(status=500, text="Internal Server Error")
        return None

    async def before_inference(self, gpu: Gpu, name: str) -> None:
        """Let those happen that do not need the server."""
        if self.take("die_mid_task"):
            asyncio.get_running_loop().call_later(gpu.seconds_per_task / 2, os.kill, os.getpid(), signal.SIGKILL)
        if self.take("hang"):
            await gpu.hang(name)


def _too_many_requests() -> web.Response:
    return web.json_response({"error": "HTTPException", "errors": "429: rate limit exceeded"}, status=429)


def add_routes(app: web.Application, faults: Faults, gpu: Gpu) -> None:
    """Add what tests use to the server."""

    encodings: set[str] = set()

    @web.middleware
    async def before_all(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.path.startswith(_OURS):
            encodings.add(request.headers.get("Accept-Encoding", ""))
            while faults.deaf:  # noqa: ASYNC110 (a fault is a plain value)
                await asyncio.sleep(_DEAF_LOOK_S)
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
                raise web.HTTPBadRequest(text=f"there is no fault {name}")
            setattr(faults, name, bool(wanted))
        return web.json_response(asdict(faults))

    app.middlewares.append(before_all)
    app.router.add_get(f"{_OURS}encodings", accepted_encodings)
    app.router.add_get(f"{_OURS}journal", journal)
    app.router.add_post(f"{_OURS}faults", change)
