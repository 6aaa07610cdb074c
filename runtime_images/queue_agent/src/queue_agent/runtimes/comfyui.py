"""ComfyUI, by its HTTP API and its websocket.

https://docs.comfy.org/development/comfyui-server/comms_routes
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import aiohttp
import orjson

from queue_agent import clock
from queue_agent.errors import RuntimeUnavailableError, TaskFailedError
from queue_agent.runtimes.base import Answer, OutputFile, RuntimeTask
from queue_agent.runtimes.http import OK, Reply, RuntimeHttp
from queue_agent.runtimes.media import kind_of_file

_LOOK_EVERY_S: Final = 0.25
_HISTORY_S: Final = 5.0
"""History is written shortly after the event that says that it is done; up to 63 ms were seen."""
_WORDS: Final = 2000
_TRACEBACK_LINES: Final = 10


class ComfyUi:
    """The server.

    Args:
        http: HTTP to it.
    """

    def __init__(self, http: RuntimeHttp) -> None:
        self._http = http
        # A second websocket under the same name would silently starve the first.
        self._client_id = uuid.uuid4().hex

    async def is_ready(self) -> bool:
        """Whether it answers."""
        try:
            return (await self._http.get("/system_stats")).status == OK
        except RuntimeUnavailableError:
            return False

    async def interrupt_until_idle(self, timeout_s: float) -> bool:
        """Empty its queue and interrupt what runs, which stops between two nodes or steps."""
        until = clock.monotonic_s() + timeout_s
        while True:
            try:
                await self._http.post("/queue", {"clear": True})
                await self._http.post("/interrupt", {})
                queue = (await self._http.get("/queue")).object()
            except RuntimeUnavailableError as error:
                return not error.accepted  # nothing listens: nothing runs
            if not queue.get("queue_running") and not queue.get("queue_pending"):
                return True
            if clock.monotonic_s() + _LOOK_EVERY_S > until:
                return False
            await asyncio.sleep(_LOOK_EVERY_S)

    async def run(
        self, task: RuntimeTask, *, before_post: Callable[[], None], on_progress: Callable[[float], None]
    ) -> Answer:
        """Run a workflow in the API format."""
        # Fresh for each claim, the same for a repeat of it, and a UUID in the canonical form that the server wants.
        prompt_id = str(uuid.uuid5(uuid.UUID(task.claim_id), task.submission))
        async with self._events() as socket:
            before_post()
            reply = await self._http.post(
                "/prompt", {"prompt": task.content, "client_id": self._client_id, "prompt_id": prompt_id}
            )
            if reply.status != OK:
                raise _refusal(reply)
            node_errors = reply.object().get("node_errors") or {}
            failure = await self._follow(socket, prompt_id, len(task.content), on_progress)
        if failure is not None:
            raise failure
        history = await self._history(prompt_id)
        files, texts = await self._outputs(history.get("outputs") or {})
        summary: dict[str, Any] = {"prompt_id": prompt_id}
        if texts:
            summary["texts"] = texts
        if node_errors:
            # The server runs the valid part of a graph and says what it left out.
            summary["node_errors"] = node_errors
        if not files and not texts:
            raise TaskFailedError("no_output", "the workflow ended without an output", node_errors=node_errors)
        return Answer(files=tuple(files), summary=summary, response={"outputs": history.get("outputs")})

    @asynccontextmanager
    async def _events(self) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        url = f"{self._http.base_url}/ws?clientId={self._client_id}"
        try:
            async with self._http.session.ws_connect(url, max_msg_size=0, heartbeat=20) as socket:
                yield socket
        except aiohttp.ClientError as error:
            raise RuntimeUnavailableError(f"the websocket cannot be opened: {error}", accepted=False) from error

    async def _follow(
        self,
        socket: aiohttp.ClientWebSocketResponse,
        prompt_id: str,
        node_count: int,
        on_progress: Callable[[float], None],
    ) -> TaskFailedError | None:
        """Listen until the prompt has ended; without a websocket, ask."""
        progress = _Progress(node_count)
        async for frame in socket:
            if frame.type is not aiohttp.WSMsgType.TEXT:
                continue  # previews
            event = orjson.loads(frame.data)
            data = event.get("data") or {}
            if data.get("prompt_id") not in {prompt_id, None}:
                continue
            match event.get("type"):
                case "execution_error":
                    return _execution_error(data)
                case "execution_interrupted":
                    # Nobody but this agent interrupts, and it does not listen then: the server was reset.
                    raise RuntimeUnavailableError("the runtime interrupted the task by itself", accepted=True)
                case "execution_success":
                    return None
                case "executing" if data.get("node") is None and data.get("prompt_id") == prompt_id:
                    return None
                case kind:
                    share = progress.heard(str(kind), data)
                    if share is not None:
                        on_progress(share)
        return await self._ask_until_ended(prompt_id)

    async def _ask_until_ended(self, prompt_id: str) -> TaskFailedError | None:
        while True:
            if await self._find(prompt_id):
                return None
            queue = (await self._http.get("/queue")).object()
            known = [str(entry[1]) for key in ("queue_running", "queue_pending") for entry in queue.get(key) or []]
            if prompt_id not in known:
                # It may have ended between the two questions.
                if await self._find(prompt_id):
                    return None
                raise RuntimeUnavailableError("the runtime has forgotten the task: it was reset", accepted=True)
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _history(self, prompt_id: str) -> dict[str, Any]:
        until = clock.monotonic_s() + _HISTORY_S
        while not (history := await self._find(prompt_id)):
            if clock.monotonic_s() > until:
                raise RuntimeUnavailableError("the runtime has no history of the task", accepted=True)
            await asyncio.sleep(_LOOK_EVERY_S / 5)
        status = history.get("status") or {}
        if status.get("status_str") == "error":
            messages = {str(name): data for name, data in status.get("messages") or []}
            raise _execution_error(messages.get("execution_error") or {})
        return history

    async def _find(self, prompt_id: str) -> dict[str, Any]:
        found = (await self._http.get(f"/history/{prompt_id}")).object().get(prompt_id)
        return found if isinstance(found, dict) else {}

    async def _outputs(self, outputs: Mapping[str, Any]) -> tuple[list[OutputFile], list[str]]:
        """Every file that is an output; files of previews only where there is nothing else."""
        entries: list[dict[str, Any]] = []
        texts: list[str] = []
        for node in outputs.values():
            for values in node.values():
                for value in values if isinstance(values, list) else []:
                    if isinstance(value, dict) and value.get("filename"):
                        entries.append(value)
                    elif isinstance(value, str):
                        texts.append(value)
        kept = [entry for entry in entries if entry.get("type") == "output"] or entries
        return list(await asyncio.gather(*(self._file(entry) for entry in kept))), texts

    async def _file(self, entry: Mapping[str, Any]) -> OutputFile:
        name = str(entry["filename"])
        where = {
            "filename": name,
            "subfolder": str(entry.get("subfolder", "")),
            "type": str(entry.get("type", "output")),
        }
        reply = await self._http.get("/view", parameters=where)
        if reply.status != OK:
            raise TaskFailedError("runtime_error", f"the runtime does not hand out {name!r}: {reply.status}")
        extension, content_type = kind_of_file(name)
        return OutputFile(data=reply.body, extension=extension, content_type=content_type)


class _Progress:
    """Share of a graph that is done: nodes that have run, and the steps of the one that runs."""

    def __init__(self, node_count: int) -> None:
        self._node_count = max(node_count, 1)
        self._done: set[str] = set()
        self._current: str | None = None

    def heard(self, kind: str, data: Mapping[str, Any]) -> float | None:
        if kind == "execution_cached":
            self._done |= {str(node) for node in data.get("nodes") or []}
        elif kind == "executing" and data.get("node") is not None:
            if self._current is not None:
                self._done.add(self._current)
            self._current = str(data["node"])
        elif kind == "progress" and data.get("max"):
            return min(1.0, (len(self._done) + float(data["value"]) / float(data["max"])) / self._node_count)
        else:
            return None
        return min(1.0, len(self._done) / self._node_count)


def _refusal(reply: Reply) -> TaskFailedError:
    """The server's own words on a graph that it does not take."""
    body = reply.object()
    error = body.get("error")
    if isinstance(error, dict):
        return TaskFailedError(
            "invalid_workflow",
            f"{error.get('message', '')} {error.get('details', '')}".strip()[:_WORDS],
            type=error.get("type"),
            node_errors=body.get("node_errors"),
        )
    return TaskFailedError("runtime_error", reply.body.decode("utf-8", "replace")[:_WORDS], status=reply.status)


def _execution_error(data: Mapping[str, Any]) -> TaskFailedError:
    # `current_inputs` dumps tensors and repeats the prompt, so it is left out.
    return TaskFailedError(
        "runtime_error",
        str(data.get("exception_message") or "the workflow failed")[:_WORDS],
        exception_type=data.get("exception_type"),
        node_id=data.get("node_id"),
        node_type=data.get("node_type"),
        traceback="".join(str(line) for line in (data.get("traceback") or [])[-_TRACEBACK_LINES:])[:_WORDS],
    )
