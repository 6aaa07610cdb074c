"""What a test can make go wrong; each fault happens once, to the next inference."""

import asyncio
import os
import signal
from dataclasses import asdict, dataclass

from aiohttp import web

from .gpu import Gpu


@dataclass
class Faults:
    """Faults of the next inference.

    Attributes:
        die_mid_task: the process is gone half-way, as after SIGKILL.
        hang: it never ends, and does not hear an interrupt.
        out_of_memory: it fails as the real server does when the GPU's memory is full.
        unavailable: the request is answered 503 before it is taken.
        drop_websocket: all websockets are closed while it runs (ComfyUI).
    """

    die_mid_task: bool = False
    hang: bool = False
    out_of_memory: bool = False
    unavailable: bool = False
    drop_websocket: bool = False

    def take(self, name: str) -> bool:
        """Whether a fault is to happen now; it is used up by this."""
        wanted = bool(getattr(self, name))
        setattr(self, name, False)
        return wanted

    async def before_inference(self, gpu: Gpu) -> None:
        """Let those happen that do not need the server."""
        if self.take("die_mid_task"):
            asyncio.get_running_loop().call_later(gpu.seconds_per_task / 2, os.kill, os.getpid(), signal.SIGKILL)
        if self.take("hang"):
            await asyncio.Event().wait()


def add_routes(app: web.Application, faults: Faults, gpu: Gpu) -> None:
    """Add what tests use to the server."""

    async def journal(_request: web.Request) -> web.Response:
        return web.json_response(gpu.entries)

    async def change(request: web.Request) -> web.Response:
        for name, wanted in (await request.json()).items():
            if not hasattr(faults, name):
                raise web.HTTPBadRequest(text=f"there is no fault {name}")
            setattr(faults, name, bool(wanted))
        return web.json_response(asdict(faults))

    app.router.add_get("/_stand_in/journal", journal)
    app.router.add_post("/_stand_in/faults", change)
