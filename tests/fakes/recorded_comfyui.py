"""A stand-in that replays the frames of a recorded websocket to the agent's client.

It accepts one prompt, and then sends the frames in order, with the ids of the client. The responses of `/history` and
`/queue` follow from the frames. The time between two frames is not replayed, only the order.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from queue_agent.runtimes.comfyui import ComfyUi
from queue_agent.runtimes.http import RuntimeHttp

Frame = dict[str, Any]
PNG = b"\x89PNG\r\n\x1a\n"
_ENDS = frozenset({"execution_success", "execution_error", "execution_interrupted"})
_BROADCAST_EVERY_S = 0.005
"""Replaces the second between two broadcasts of a node pack."""


def event(kind: str, **data: Any) -> Frame:
    """A frame as the server sends it."""
    return {"type": kind, "data": data}


@dataclass(frozen=True)
class Recording:
    """The frames of one websocket.

    Attributes:
        frames: in order; `{"close": ...}` is from the client, `{"binary": size, "head": hex}` is a binary frame.
        is_cut: whether the websocket closed while the prompt continued.
        stays_running: whether `/queue` reports the prompt as running forever if no frame ends it.
        broadcast: the frame that a node pack sends repeatedly to every websocket.
    """

    frames: Sequence[Frame]
    is_cut: bool = False
    stays_running: bool = False
    broadcast: Frame = field(default_factory=lambda: event("pack.monitor", cpu=1.0))

    @classmethod
    def read(cls, path: Path) -> "Recording":
        """Read a recording; its name says what happened."""
        return cls(json.loads(path.read_text()), is_cut="partial" in path.stem)

    @property
    def prompt_id(self) -> str:
        """Id of the prompt; empty if no frame has one."""
        return next((frame["data"]["prompt_id"] for frame in self.frames if "prompt_id" in frame.get("data", {})), "")

    @property
    def errors(self) -> list[Frame]:
        """Data of every `execution_error`."""
        return [frame["data"] for frame in self.frames if frame.get("type") == "execution_error"]

    @property
    def outputs(self) -> dict[str, Any]:
        """Outputs of `executed` events, by node id."""
        named = {
            frame["data"]["node"]: frame["data"]["output"] for frame in self.frames if frame.get("type") == "executed"
        }
        return {node_id: output for node_id, output in named.items() if output}

    @property
    def end(self) -> Frame | None:
        """The frame that ends the prompt."""
        return next((frame for frame in reversed(self.frames) if _is_end(frame)), None)

    def history(self) -> dict[str, Any] | None:
        """The history entry after all frames were sent; `None` if the server has lost the prompt."""
        end = self.end
        if end is None and not self.is_cut:
            return None
        # A blocked branch is only an event. It is not in the history.
        kept = [
            frame for frame in self.frames if frame.get("type", "").startswith("execution") and not _is_block(frame)
        ]
        failed = end is not None and end["type"] != "execution_success"
        unseen = {"9": {"images": [{"filename": "unseen.png", "subfolder": "", "type": "output"}]}}
        return {
            "outputs": unseen if self.is_cut else self.outputs,
            "status": {
                "status_str": "error" if failed else "success",
                "completed": not failed,
                "messages": [[frame["type"], frame["data"]] for frame in kept],
            },
        }


@dataclass
class RecordedComfyUi:
    """The server.

    Attributes:
        recording: the recording to replay.
        asked: received requests, in order.
    """

    recording: Recording
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._sockets: dict[str, tuple[web.WebSocketResponse, web.Request]] = {}
        self._prompt_id = ""
        self._playing: asyncio.Task[None] | None = None
        self._history: dict[str, Any] = {}

    def application(self) -> web.Application:
        """The server's routes."""
        app = web.Application()
        app.router.add_get("/ws", self._websocket)
        app.router.add_post("/prompt", self._prompt)
        app.router.add_get("/history/{id}", self._get_history)
        app.router.add_post("/history", self._noted)
        app.router.add_post("/queue", self._noted)
        app.router.add_get("/queue", self._queue)
        app.router.add_get("/view", self._view)
        app.on_shutdown.append(self._stop)
        return app

    async def _stop(self, _app: web.Application) -> None:
        if self._playing is not None:
            self._playing.cancel()
            await asyncio.wait({self._playing})
        for socket, _ in self._sockets.values():
            await socket.close()

    async def _websocket(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets[request.query["clientId"]] = (socket, request)
        async for _ in socket:
            pass
        return socket

    async def _prompt(self, request: web.Request) -> web.Response:
        body = await request.json()
        self._prompt_id = body["prompt_id"]
        if self._playing is not None:
            self._playing.cancel()
        self._playing = asyncio.create_task(self._play(body["client_id"]))
        return web.json_response({"prompt_id": self._prompt_id, "number": 1, "node_errors": {}})

    async def _play(self, client_id: str) -> None:
        socket, request = self._sockets[client_id]
        with suppress(ConnectionResetError):
            for frame in self.recording.frames:
                await self._send(socket, frame)
            self._history = {self._prompt_id: json.loads(self._of_the_client(self.recording.history()))}
            if self.recording.is_cut:
                assert request.transport is not None
                request.transport.abort()
            while True:
                socket, _ = self._sockets[client_id]
                await self._send(socket, self.recording.broadcast)
                await asyncio.sleep(_BROADCAST_EVERY_S)

    async def _send(self, socket: web.WebSocketResponse, frame: Frame) -> None:
        if "binary" in frame:
            head = bytes.fromhex(frame["head"])
            await socket.send_bytes(head + bytes(frame["binary"] - len(head)))
        elif "type" in frame:
            await socket.send_str(self._of_the_client(frame))

    def _of_the_client(self, value: Any) -> str:
        """JSON with the client's prompt id instead of the recorded one."""
        text, recorded = json.dumps(value), self.recording.prompt_id
        return text.replace(recorded, self._prompt_id) if recorded else text

    async def _get_history(self, request: web.Request) -> web.Response:
        self.asked.append("history")
        entry = self._history.get(request.match_info["id"])
        return web.json_response({self._prompt_id: entry} if entry else {})

    async def _queue(self, _request: web.Request) -> web.Response:
        self.asked.append("queue")
        is_lost = bool(self._history) and not self.recording.stays_running
        running = [] if is_lost else [[0, self._prompt_id, {}, {}, []]]
        return web.json_response({"queue_running": running, "queue_pending": []})

    async def _noted(self, request: web.Request) -> web.Response:
        self.asked.append(f"{request.path} {json.dumps(await request.json())}")
        return web.Response()

    async def _view(self, _request: web.Request) -> web.Response:
        return web.Response(body=PNG)


def _is_block(frame: Frame) -> bool:
    return frame.get("type") == "execution_error" and frame["data"].get("exception_type") == "ExecutionBlocked"


def _is_end(frame: Frame) -> bool:
    return frame.get("type") in _ENDS and not _is_block(frame)


@asynccontextmanager
async def played(recording: Recording) -> AsyncIterator[tuple[ComfyUi, RecordedComfyUi]]:
    """A server that replays a recording, and a client of the agent."""
    recorded = RecordedComfyUi(recording)
    server = TestServer(recorded.application())
    await server.start_server(shutdown_timeout=0.1)
    try:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, force_close=True)) as session:
            yield ComfyUi(RuntimeHttp(session, str(server.make_url("")).rstrip("/"))), recorded
    finally:
        await server.close()
