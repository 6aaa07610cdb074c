"""ComfyUI's API."""

import asyncio
import json
import struct
import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from aiohttp import web

from .faults import CUDA_ERROR, Faults, add_routes
from .gpu import Gpu
from .images import Images
from .workflows import FIRST_BYTES, OUTPUT_NODES, refusal, validate

_HISTORY_DELAY_S = 0.05
_LATE_EVERY = 7
MAX_UPLOAD_BYTES = 100 * 2**20
"""The default of the real server."""
_OUT_OF_MEMORY = "Allocation on device\nThis error means you ran out of memory on your GPU.\n"
Send = Callable[..., Awaitable[None]]
FileName = tuple[str, str, str]
"""Folder (`output` or `temp`), subfolder, name."""


@dataclass
class _Job:
    """A graph in the queue."""

    number: int
    prompt_id: str
    graph: dict[str, Any]
    client_id: str
    outputs: list[str]
    messages: list[list[Any]] = field(default_factory=list)

    def entry(self) -> list[Any]:
        return [self.number, self.prompt_id, self.graph, {"client_id": self.client_id}, self.outputs]

    def prompts(self) -> list[str]:
        nodes = self.graph.values()
        return [str(node["inputs"].get("text", "")) for node in nodes if node["class_type"] == "CLIPTextEncode"]

    def number_of(self, name: str, default: int) -> int:
        found = (node["inputs"][name] for node in self.graph.values() if name in node.get("inputs", {}))
        return int(next(found, default))


class ComfyUi:
    """The server's state.

    Args:
        gpu: computes.
        faults: go wrong.
        images: generates images.
        models: its checkpoints.
        max_upload_bytes: largest request; `None` for the default, of which it does not speak then.
    """

    def __init__(
        self, gpu: Gpu, faults: Faults, images: Images, models: Sequence[str], max_upload_bytes: int | None
    ) -> None:
        self._models = [*models]
        self._max_upload_bytes = max_upload_bytes
        self._questions = 0
        self._gpu = gpu
        self._faults = faults
        self._images = images
        self._sockets: dict[str, tuple[web.WebSocketResponse, web.Request]] = {}
        self._clients: list[str] = []
        self._takes_websockets = True
        self._uploads: dict[str, bytes] = {}
        self._executor: asyncio.Task[None] | None = None
        self._forget()

    def _forget(self) -> None:
        self._waiting: list[_Job] = []
        self._has_work = asyncio.Event()
        self._running: _Job | None = None
        self._history: dict[str, Any] = {}
        self._files: dict[FileName, Callable[[], bytes]] = {}
        self._cache: dict[str, dict[str, Any]] = {}
        self._number = 0

    def application(self) -> web.Application:
        """The server."""
        app = web.Application(client_max_size=self._max_upload_bytes or MAX_UPLOAD_BYTES)
        app.router.add_post("/prompt", self._prompt)
        app.router.add_post("/upload/image", self._upload)
        app.router.add_get("/ws", self._websocket)
        app.router.add_get("/history/{id}", self._get_history)
        app.router.add_post("/history", self._change_history)
        app.router.add_post("/free", self._free)
        app.router.add_get("/queue", self._get_queue)
        app.router.add_post("/queue", self._change_queue)
        app.router.add_post("/interrupt", self._interrupt)
        app.router.add_get("/view", self._view)
        app.router.add_get("/system_stats", self._system_stats)
        app.router.add_get("/features", self._features)
        app.router.add_get("/_stand_in/questions", self._count_questions)
        app.router.add_get("/_stand_in/uploads", self._list_uploads)
        app.router.add_get("/_stand_in/clients", self._list_clients)
        app.router.add_post("/_stand_in/forget_uploads", self._forget_uploads)
        app.router.add_post("/_stand_in/forget_files", self._forget_files)
        app.router.add_get("/_stand_in/history", self._list_history)
        app.on_startup.append(self._start)
        app.on_shutdown.append(self._close_sockets)
        app.on_cleanup.append(self._stop)
        add_routes(app, self._faults, self._gpu)
        return app

    async def _start(self, _app: web.Application) -> None:
        self._executor = asyncio.create_task(self._execute_for_ever())

    async def _close_sockets(self, _app: web.Application | None = None) -> None:
        for socket, _ in list(self._sockets.values()):
            await socket.close()

    async def _stop(self, _app: web.Application) -> None:
        if self._executor is not None:
            self._executor.cancel()
            await asyncio.wait({self._executor})

    def _restart(self) -> None:
        """Behave as after a kill and a restart."""
        if self._executor is not None:
            self._executor.cancel()
        self._gpu.interrupt()
        self._forget()
        for _, request in self._sockets.values():
            if request.transport is not None:
                request.transport.abort()
        self._executor = asyncio.create_task(self._execute_for_ever())

    async def _prompt(self, request: web.Request) -> web.Response:
        refused = self._faults.refusal()
        if refused is not None:
            return refused
        try:
            body = await request.json()
            graph = body.get("prompt")
        except (ValueError, AttributeError):
            return web.Response(status=500, text="500 Internal Server Error\n\nServer got itself in trouble")
        if graph is None:
            return refusal("no_prompt", "No prompt provided", "No prompt provided", {})
        if not isinstance(graph, dict) or "nodes" in graph:
            return web.Response(status=500, text="500 Internal Server Error\n\nServer got itself in trouble")
        prompt_id = str(body.get("prompt_id") or uuid.uuid4())
        refused, outputs, wrong = validate(graph, prompt_id, self._uploads, self._models)
        if refused is not None:
            return refused
        self._number += 1
        self._waiting.append(_Job(self._number, prompt_id, graph, str(body.get("client_id", "")), outputs))
        self._has_work.set()
        return web.json_response({"prompt_id": prompt_id, "number": self._number, "node_errors": wrong})

    async def _upload(self, request: web.Request) -> web.Response:
        form = await request.post()
        image = form["image"]
        if not isinstance(image, web.FileField):
            return web.Response(status=400)
        subfolder = str(form.get("subfolder", ""))
        path = f"{subfolder}/{image.filename}" if subfolder else image.filename
        if ".." in path or path.startswith("/") or (path in self._uploads and form.get("overwrite") != "true"):
            return web.Response(status=400)
        self._uploads[path] = image.file.read()
        return web.json_response({"name": image.filename, "subfolder": subfolder, "type": "input"})

    async def _features(self, _request: web.Request) -> web.Response:
        self._questions += 1
        if self._max_upload_bytes is None:
            return web.Response(status=404)
        return web.json_response({"supports_preview_metadata": True, "max_upload_size": self._max_upload_bytes})

    async def _count_questions(self, _request: web.Request) -> web.Response:
        return web.json_response(self._questions)

    async def _list_uploads(self, _request: web.Request) -> web.Response:
        return web.json_response({path: len(data) for path, data in self._uploads.items()})

    async def _list_clients(self, _request: web.Request) -> web.Response:
        return web.json_response(self._clients)

    async def _forget_uploads(self, _request: web.Request) -> web.Response:
        self._uploads.clear()
        return web.Response()

    async def _forget_files(self, _request: web.Request) -> web.Response:
        self._files.clear()
        return web.Response()

    async def _list_history(self, _request: web.Request) -> web.Response:
        return web.json_response(list(self._history))

    async def _execute_for_ever(self) -> None:
        while True:
            while not self._waiting:
                self._has_work.clear()
                await self._has_work.wait()
            if self._faults.take("hung_worker"):
                await asyncio.Event().wait()
            self._running = self._waiting.pop(0)
            await self._execute(self._running)
            self._running = None
            self._takes_websockets = True

    async def _execute(self, job: _Job) -> None:
        async def send(kind: str, **data: Any) -> None:
            if kind.startswith("execution"):
                job.messages.append([kind, {"prompt_id": job.prompt_id, **data}])
            await self._send(job.client_id, kind, {"prompt_id": job.prompt_id, **data})

        await send("execution_start")
        identical = json.dumps(job.graph, sort_keys=True)
        cached = self._cache.get(identical)
        await send("execution_cached", nodes=list(job.graph) if cached is not None else [])
        if cached is not None:
            # No node runs, and the response has the files of the first run.
            for key, output in cached.items():
                await send("executed", node=key, output=output)
            await self._end(job, send, cached, "success")
            return
        sampler = next((key for key, node in job.graph.items() if node["class_type"] == "KSampler"), job.outputs[0])
        if await self._fails(job, sampler, send):
            return
        share = await self._infer(job, sampler, send)
        if share < 1:
            await send("execution_interrupted", node_id=sampler, node_type="KSampler", executed=[])
            await self._end(job, send, {}, "error")
            return
        self._cache[identical] = await self._make_outputs(job, send)
        await self._end(job, send, self._cache[identical], "success")

    async def _fails(self, job: _Job, sampler: str, send: Send) -> bool:
        """Whether a fault replaces the run."""
        await self._faults.before_inference(self._gpu, job.prompt_id)
        for fault, kind, message in (
            ("out_of_memory", "torch.OutOfMemoryError", _OUT_OF_MEMORY),
            ("cuda_error", "torch.AcceleratorError", CUDA_ERROR),
        ):
            if self._faults.take(fault):
                await send(
                    "execution_error",
                    node_id=sampler,
                    node_type="KSampler",
                    exception_type=kind,
                    exception_message=message,
                    traceback=["  File 'execution.py', line 1\n"],
                    current_inputs={"tensor": ["tensor([...])" * 10]},
                )
                await self._end(job, send, {}, "error")
                return True
        for_good = self._faults.take("drop_websocket_for_good")
        self._takes_websockets = not for_good
        if self._faults.take("drop_websocket") or for_good:
            await self._close_sockets()
        if self._faults.take("restart"):
            asyncio.get_running_loop().call_later(self._gpu.seconds_per_task / 2, self._restart)
        return False

    async def _infer(self, job: _Job, sampler: str, send: Send) -> float:
        steps = job.number_of("steps", 20)
        reports: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue()
        sends_images = any(node["class_type"] == "SaveImageWebsocket" for node in job.graph.values())

        async def report() -> None:
            while True:
                kind, data = await reports.get()
                await send(kind, **data)
                if sends_images and kind == "progress":  # a preview that could be mistaken for an output
                    await self._send_image(job.client_id, b"a preview")

        def begin(key: str) -> None:
            reports.put_nowait(("executing", {"node": key}))

        def step(value: int) -> None:
            if value == 0:
                begin(sampler)
                return
            node = {"value": value, "max": steps, "state": "running", "node_id": sampler}
            reports.put_nowait(("progress_state", {"nodes": {sampler: node}}))
            reports.put_nowait(("progress", {"node": sampler, "value": value, "max": steps}))

        before = [partial(begin, key) for key in job.graph if key not in {sampler, *job.outputs}]
        reporter = asyncio.create_task(report())
        try:
            return await self._gpu.infer(job.prompt_id, steps=steps, on_step=step, on_nodes=before)
        finally:
            reporter.cancel()
            await asyncio.wait({reporter})

    async def _make_outputs(self, job: _Job, send: Send) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key in job.outputs:
            await send("executing", node=key)
            made[key] = await self._make(job, key, send)
            await send("executed", node=key, output=made[key])
        return {key: output for key, output in made.items() if output}

    async def _make(self, job: _Job, key: str, send: Send) -> dict[str, Any]:
        node = job.graph[key]
        kind = OUTPUT_NODES[node["class_type"]]
        if node["class_type"] == "Shows":
            for folder, subfolder, name, content in node["inputs"].get("files", []):
                self._files[folder, subfolder, name] = content.encode
            # Like the real server, which splits a string into its characters and a dict into its keys.
            return {name: list(value) for name, value in node["inputs"]["ui"].items()}
        if node["class_type"] == "SaveImageWebsocket":
            images = job.number_of("batch_size", 1)
            for number in range(images):
                await send("progress", node=key, value=number, max=images)
                image = await self._bytes(job, key, "png", number)
                await self._send_image(job.client_id, image())
            return {}
        prompt = next(iter(job.prompts()), "no prompt")
        if kind.key == "text":
            return {"text": [prompt]}
        subfolder, _, prefix = str(node["inputs"].get("filename_prefix", "ComfyUI")).rpartition("/")
        entries = []
        for number in range(job.number_of("batch_size", 1) if kind.extension == "png" else 1):
            name = f"{prefix}_{len(self._files) + 1:05}_.{kind.extension}"
            self._files[kind.folder, subfolder, name] = await self._bytes(job, key, kind.extension, number)
            entries.append({"filename": name, "subfolder": subfolder, "type": kind.folder})
        if kind.key == "result":
            path = f"{subfolder}/{entries[0]['filename']}".lstrip("/")
            return {"result": [path, {"position": {}}, ""]}
        return {kind.key: entries, **dict(kind.further)}

    async def _bytes(self, job: _Job, key: str, extension: str, number: int) -> Callable[[], bytes]:
        if extension != "png":
            return lambda: FIRST_BYTES[extension]
        source = job.graph[key]["inputs"].get("images")
        if isinstance(source, list) and job.graph[source[0]]["class_type"] == "LoadImage":
            uploaded = self._uploads[job.graph[source[0]]["inputs"]["image"]]
            return lambda: uploaded
        return await self._images.png(
            next(iter(job.prompts()), "no prompt"),
            seed=job.number_of("seed", 0) + number,
            width=job.number_of("width", 512),
            height=job.number_of("height", 512),
        )

    async def _end(self, job: _Job, send: Send, outputs: dict[str, Any], status: str) -> None:
        if status == "success":
            await send("execution_success")
        # The first prompt and some later ones have ended shortly before their history entry exists.
        delay_s = _HISTORY_DELAY_S if job.number % _LATE_EVERY == 1 else 0
        write = partial(self._write_history, self._history, job, outputs, status)
        asyncio.get_running_loop().call_later(delay_s, write)

    def _write_history(self, history: dict[str, Any], job: _Job, outputs: dict[str, Any], status: str) -> None:
        history[job.prompt_id] = {
            "prompt": job.entry(),
            "outputs": outputs,
            "status": {"status_str": status, "completed": status == "success", "messages": job.messages},
            "meta": {},
        }
        ended = {"prompt_id": job.prompt_id, "node": None}
        self._notification = asyncio.ensure_future(self._send(job.client_id, "executing", ended))

    async def _send(self, client_id: str, kind: str, data: dict[str, Any]) -> None:
        socket, _ = self._sockets.get(client_id, (None, None))
        if socket is not None and not socket.closed:
            try:
                await socket.send_json({"type": kind, "data": data})
            except ConnectionResetError:
                return

    async def _send_image(self, client_id: str, image: bytes) -> None:
        socket, _ = self._sockets.get(client_id, (None, None))
        if socket is not None and not socket.closed:
            with suppress(ConnectionResetError):
                await socket.send_bytes(struct.pack(">II", 1, 2) + image)

    async def _websocket(self, request: web.Request) -> web.StreamResponse:
        if not self._takes_websockets:
            return web.Response(status=503)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        # A second websocket with the same client id silently replaces the first one.
        client_id = request.query.get("clientId", "")
        self._clients.append(client_id)
        self._sockets[client_id] = (socket, request)
        await socket.send_json({"type": "status", "data": {"status": {"exec_info": {"queue_remaining": 0}}}})
        async for _ in socket:
            pass
        return socket

    async def _get_history(self, request: web.Request) -> web.Response:
        prompt_id = request.match_info["id"]
        found = self._history.get(prompt_id)
        return web.json_response({prompt_id: found} if found else {})

    async def _change_history(self, request: web.Request) -> web.Response:
        for prompt_id in (await request.json())["delete"]:
            self._history.pop(prompt_id, None)
        return web.Response()

    async def _free(self, request: web.Request) -> web.Response:
        if (await request.json()).get("free_memory"):
            self._cache.clear()
        return web.Response()

    async def _get_queue(self, _request: web.Request) -> web.Response:
        running = [self._running.entry()] if self._running else []
        return web.json_response({"queue_running": running, "queue_pending": [job.entry() for job in self._waiting]})

    async def _change_queue(self, request: web.Request) -> web.Response:
        body = await request.json()
        unwanted = set(body.get("delete", []))
        self._waiting = [] if body.get("clear") else [job for job in self._waiting if job.prompt_id not in unwanted]
        return web.Response()

    async def _interrupt(self, request: web.Request) -> web.Response:
        body = await request.json() if request.can_read_body else {}
        wanted = body.get("prompt_id")
        if wanted is None or (self._running is not None and self._running.prompt_id == wanted):
            self._gpu.interrupt()
        return web.Response()

    async def _view(self, request: web.Request) -> web.Response:
        query = request.query
        folder, subfolder, name = query.get("type", "output"), query.get("subfolder", ""), query.get("filename", "")
        if name.startswith("/") or ".." in name:
            return web.Response(status=400)
        if subfolder.startswith("/") or ".." in subfolder:
            return web.Response(status=403)
        if folder == "input" and f"{subfolder}/{name}" in self._uploads:
            return web.Response()
        data = self._files.get((folder, subfolder, name))
        return web.Response(status=404) if data is None else web.Response(body=data())

    async def _system_stats(self, _request: web.Request) -> web.Response:
        return web.json_response({"system": {"comfyui_version": "stand-in"}, "devices": []})
