"""ComfyUI's API."""

import asyncio
import json
import uuid
from typing import Any

from aiohttp import web

from .drawing import draw
from .faults import Faults, add_routes
from .gpu import Gpu

KNOWN_NODES = {
    "CheckpointLoaderSimple",
    "CLIPTextEncode",
    "EmptyLatentImage",
    "KSampler",
    "LoadImage",
    "PreviewImage",
    "SaveImage",
    "VAEDecode",
    "VAEEncode",
}
_OUTPUT_NODES = {"SaveImage", "PreviewImage"}
_HISTORY_DELAY_S = 0.05


class ComfyUi:
    """The server's state.

    Args:
        gpu: computes.
        faults: go wrong.
    """

    def __init__(self, gpu: Gpu, faults: Faults) -> None:
        self._gpu = gpu
        self._faults = faults
        self._sockets: dict[str, web.WebSocketResponse] = {}
        self._pending: asyncio.Queue[tuple[int, str, dict[str, Any], str, list[str]]] = asyncio.Queue()
        self._waiting: list[tuple[int, str]] = []
        self._running: tuple[int, str] | None = None
        self._history: dict[str, Any] = {}
        self._files: dict[str, bytes] = {}
        self._cache: dict[str, dict[str, Any]] = {}
        self._number = 0
        self._deleted: set[str] = set()
        self._executor: asyncio.Task[None] | None = None

    def application(self) -> web.Application:
        """The server."""
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_post("/prompt", self._prompt)
        app.router.add_get("/ws", self._websocket)
        app.router.add_get("/history/{id}", self._get_history)
        app.router.add_get("/queue", self._get_queue)
        app.router.add_post("/queue", self._change_queue)
        app.router.add_post("/interrupt", self._interrupt)
        app.router.add_get("/view", self._view)
        app.router.add_get("/system_stats", self._system_stats)
        app.on_startup.append(self._start)
        app.on_cleanup.append(self._stop)
        add_routes(app, self._faults, self._gpu)
        return app

    async def _start(self, _app: web.Application) -> None:
        self._executor = asyncio.create_task(self._execute_for_ever())

    async def _stop(self, _app: web.Application) -> None:
        if self._executor is not None:
            self._executor.cancel()
            await asyncio.wait({self._executor})

    async def _prompt(self, request: web.Request) -> web.Response:
        if self._faults.take("unavailable"):
            return web.Response(status=503, text="Service Unavailable")
        try:
            body = await request.json()
            graph = body.get("prompt")
        except (ValueError, AttributeError):
            return web.Response(status=500, text="500 Internal Server Error\n\nServer got itself in trouble")
        if graph is None:
            return _refusal("no_prompt", "No prompt provided", "No prompt provided", {})
        if not isinstance(graph, dict) or "nodes" in graph:
            return web.Response(status=500, text="500 Internal Server Error\n\nServer got itself in trouble")
        prompt_id = str(body.get("prompt_id") or uuid.uuid4())
        refusal, outputs, wrong = _validate(graph, prompt_id)
        if refusal is not None:
            return refusal
        self._number += 1
        self._waiting.append((self._number, prompt_id))
        self._pending.put_nowait((self._number, prompt_id, graph, str(body.get("client_id", "")), outputs))
        return web.json_response({"prompt_id": prompt_id, "number": self._number, "node_errors": wrong})

    async def _execute_for_ever(self) -> None:
        while True:
            number, prompt_id, graph, client_id, outputs = await self._pending.get()
            if (number, prompt_id) in self._waiting:
                self._waiting.remove((number, prompt_id))
            if prompt_id in self._deleted:
                continue
            self._running = (number, prompt_id)
            await self._execute(prompt_id, graph, client_id, outputs)
            self._running = None

    async def _execute(self, prompt_id: str, graph: dict[str, Any], client_id: str, outputs: list[str]) -> None:
        messages: list[list[Any]] = []

        async def tell(kind: str, **data: Any) -> None:
            if kind.startswith("execution"):
                messages.append([kind, {"prompt_id": prompt_id, **data}])
            await self._send(client_id, kind, {"prompt_id": prompt_id, **data})

        await tell("execution_start")
        identical = json.dumps(graph, sort_keys=True)
        cached = self._cache.get(identical)
        await tell("execution_cached", nodes=list(graph) if cached is not None else [])
        if cached is not None:
            # Nothing runs, and the answer names the files of the first time.
            await self._end(prompt_id, tell, messages, cached, "success")
            return
        sampler = next((key for key, node in graph.items() if node["class_type"] == "KSampler"), outputs[0])
        for key in [*(key for key in graph if key not in {sampler, *outputs}), sampler]:
            await tell("executing", node=key)
        await self._faults.before_inference(self._gpu)
        if self._faults.take("out_of_memory"):
            await self._run_out_of_memory(prompt_id, sampler, tell, messages)
            return
        steps = int(graph[sampler].get("inputs", {}).get("steps", 20))
        if self._faults.take("drop_websocket"):
            for socket in list(self._sockets.values()):
                await socket.close()
        reports: asyncio.Queue[int] = asyncio.Queue()
        reporter = asyncio.create_task(self._report(reports, tell, sampler, steps))
        share = await self._gpu.infer(prompt_id, steps=steps, on_step=reports.put_nowait)
        reporter.cancel()
        await asyncio.wait({reporter})
        if share < 1:
            await tell("execution_interrupted", node_id=sampler, node_type="KSampler", executed=[])
            await self._end(prompt_id, tell, messages, {}, "error")
            return
        self._cache[identical] = await self._make_outputs(graph, outputs, tell)
        await self._end(prompt_id, tell, messages, self._cache[identical], "success")

    async def _make_outputs(self, graph: dict[str, Any], outputs: list[str], tell: Any) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key in outputs:
            await tell("executing", node=key)
            made[key] = self._save(graph, key, len(self._files) + 1)
            await tell("executed", node=key, output=made[key])
        return made

    async def _run_out_of_memory(self, prompt_id: str, node: str, tell: Any, messages: list[list[Any]]) -> None:
        await tell(
            "execution_error",
            node_id=node,
            node_type="KSampler",
            exception_type="torch.OutOfMemoryError",
            exception_message="Allocation on device",
            traceback=["  File 'execution.py', line 1\n"],
            current_inputs={"tensor": ["tensor([...])" * 10]},
        )
        await self._end(prompt_id, tell, messages, {}, "error")

    @staticmethod
    async def _report(reports: "asyncio.Queue[int]", tell: Any, sampler: str, steps: int) -> None:
        while True:
            await tell("progress", node=sampler, value=await reports.get(), max=steps)

    def _save(self, graph: dict[str, Any], key: str, counter: int) -> dict[str, Any]:
        texts = [
            str(node["inputs"].get("text", "")) for node in graph.values() if node["class_type"] == "CLIPTextEncode"
        ]
        size: dict[str, Any] = next(
            (node["inputs"] for node in graph.values() if node["class_type"] == "EmptyLatentImage"), {}
        )
        seed = next((int(node["inputs"].get("seed", 0)) for node in graph.values() if "seed" in node["inputs"]), 0)
        kind = "output" if graph[key]["class_type"] == "SaveImage" else "temp"
        name = f"{graph[key].get('inputs', {}).get('filename_prefix', 'ComfyUI')}_{counter:05}_.png"
        self._files[name] = draw(
            texts[0] if texts else "no prompt",
            seed=seed,
            width=int(size.get("width", 512)),
            height=int(size.get("height", 512)),
        )
        return {"images": [{"filename": name, "subfolder": "", "type": kind}]}

    async def _end(
        self, prompt_id: str, tell: Any, messages: list[list[Any]], outputs: dict[str, Any], status: str
    ) -> None:
        if status == "success":
            await tell("execution_success")
        # For a moment the prompt has ended and has no history.
        await asyncio.sleep(_HISTORY_DELAY_S)
        self._history[prompt_id] = {
            "prompt": [],
            "outputs": outputs,
            "status": {"status_str": status, "completed": status == "success", "messages": messages},
            "meta": {},
        }
        await tell("executing", node=None)

    async def _send(self, client_id: str, kind: str, data: dict[str, Any]) -> None:
        socket = self._sockets.get(client_id)
        if socket is not None and not socket.closed:
            await socket.send_json({"type": kind, "data": data})

    async def _websocket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        # A second one of the same name starves the first without a word.
        self._sockets[request.query.get("clientId", "")] = socket
        await socket.send_json({"type": "status", "data": {"status": {"exec_info": {"queue_remaining": 0}}}})
        async for _ in socket:
            pass
        return socket

    async def _get_history(self, request: web.Request) -> web.Response:
        prompt_id = request.match_info["id"]
        found = self._history.get(prompt_id)
        return web.json_response({prompt_id: found} if found else {})

    async def _get_queue(self, _request: web.Request) -> web.Response:
        running = [[*self._running, {}, {}, []]] if self._running else []
        return web.json_response(
            {"queue_running": running, "queue_pending": [[*entry, {}, {}, []] for entry in self._waiting]}
        )

    async def _change_queue(self, request: web.Request) -> web.Response:
        body = await request.json()
        if body.get("clear"):
            self._deleted |= {prompt_id for _, prompt_id in self._waiting}
            self._waiting.clear()
        for prompt_id in body.get("delete", []):
            self._deleted.add(prompt_id)
            self._waiting = [entry for entry in self._waiting if entry[1] != prompt_id]
        return web.Response()

    async def _interrupt(self, request: web.Request) -> web.Response:
        body = await request.json() if request.can_read_body else {}
        wanted = body.get("prompt_id")
        if wanted is None or (self._running is not None and self._running[1] == wanted):
            self._gpu.interrupt()
        return web.Response()

    async def _view(self, request: web.Request) -> web.Response:
        data = self._files.get(request.query.get("filename", ""))
        if data is None:
            return web.Response(status=404)
        return web.Response(body=data, content_type="image/png")

    async def _system_stats(self, _request: web.Request) -> web.Response:
        return web.json_response({"system": {"comfyui_version": "stand-in"}, "devices": []})


def _validate(graph: dict[str, Any], prompt_id: str) -> tuple[web.Response | None, list[str], dict[str, Any]]:
    """The refusal of a graph, or its valid outputs and what is wrong with the others."""
    try:
        canonical = str(uuid.UUID(prompt_id)) == prompt_id
    except ValueError:
        canonical = False
    if not canonical:
        return _refusal("invalid_prompt_id", "prompt_id must be a UUID", prompt_id, {}), [], {}
    missing = [(key, node["class_type"]) for key, node in graph.items() if node["class_type"] not in KNOWN_NODES]
    if missing:
        key, kind = missing[0]
        return _refusal("missing_node_type", f"Node '{kind}' not found.", f"Node ID '#{key}'", {}), [], {}
    outputs = [key for key, node in graph.items() if node["class_type"] in _OUTPUT_NODES]
    if not outputs:
        return _refusal("prompt_no_outputs", "Prompt has no outputs", "", {}), [], {}
    wrong = {key: _node_error(graph[key]) for key in outputs if "images" not in graph[key].get("inputs", {})}
    valid = [key for key in outputs if key not in wrong]
    if not valid:
        failed = "prompt_outputs_failed_validation"
        return _refusal(failed, "Prompt outputs failed validation", "", wrong), [], {}
    return None, valid, wrong


def _refusal(kind: str, message: str, details: str, node_errors: dict[str, Any]) -> web.Response:
    error = {"type": kind, "message": message, "details": details, "extra_info": {}}
    return web.json_response({"error": error, "node_errors": node_errors}, status=400)


def _node_error(node: dict[str, Any]) -> dict[str, Any]:
    missing = {"type": "required_input_missing", "message": "Required input is missing", "details": "images"}
    return {"errors": [missing], "dependent_outputs": [], "class_type": node["class_type"]}
