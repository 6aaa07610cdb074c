"""The agent's side of a runtime, with a stand-in behind it, over real HTTP and real websockets."""

import asyncio
import io
import signal
import socket
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import aiohttp
from aiohttp.test_utils import TestServer

from queue_agent.runtimes.base import Description, InputFile, OutputFile, Outputs, Runtime, RuntimeTask
from queue_agent.runtimes.comfyui import ComfyUi
from queue_agent.runtimes.http import RuntimeHttp
from queue_agent.runtimes.media import kind_of_data
from queue_agent.runtimes.sdwebui import SdWebUi

from .application import RuntimeType, make_app
from .comfyui import MAX_UPLOAD_BYTES
from .sdwebui import MODELS
from .sdwebui_models import Flavour

PNG = b"\x89PNG\r\n\x1a\n"
_PATIENCE_S = 60.0
_CONNECT_S = 10.0
"""Longer than the agent has it: the stand-in shares a loop, and a machine, with all else that a test does."""
SMALL = {"prompt": "x", "width": 32, "height": 32, "steps": 2, "seed": 5}


def workflow(seed: int = 1, further: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A small workflow that generates one image."""
    known = {
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 32, "height": 32}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a dog"}},
        "3": {"class_type": "KSampler", "inputs": {"seed": seed, "steps": 4, "positive": ["6", 0]}},
        "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "x", "images": ["3", 0]}},
    }
    return known | dict(further or {})


def input_file(data: bytes) -> InputFile:
    """A named input of a workflow."""
    return InputFile(file=io.BytesIO(data), size_bytes=len(data), media=kind_of_data(data))


@dataclass
class Result:
    """The result of a task."""

    files: list[OutputFile]
    description: Description

    @property
    def summary(self) -> Mapping[str, Any]:
        """The summary in the record."""
        return self.description.summary


@dataclass
class Bench:
    """A runtime, where its stand-in listens, and what was heard of progress."""

    runtime_type: RuntimeType
    runtime: Runtime
    session: aiohttp.ClientSession
    url: str
    stop: Callable[[], Any]
    progress: list[float] = field(default_factory=list)
    claim_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def task(
        self,
        content: Mapping[str, Any] | None = None,
        tasktype: str | None = None,
        inputs: Mapping[str, InputFile] | None = None,
        checkpoint: str | None = None,
    ) -> RuntimeTask:
        """A task of the present claim; without content, a small one."""
        is_web_ui = self.runtime_type == "sdwebui"
        return RuntimeTask(
            claim_id=self.claim_id,
            submission="S",
            tasktype=tasktype or ("text-to-image" if is_web_ui else "pipeline"),
            content=content if content is not None else (SMALL if is_web_ui else workflow()),
            inputs=inputs or {},
            checkpoint=checkpoint,
        )

    async def run(
        self,
        content: Mapping[str, Any] | None = None,
        tasktype: str | None = None,
        inputs: Mapping[str, InputFile] | None = None,
        checkpoint: str | None = None,
    ) -> Result:
        """Run a task from its preparation to its last output.

        Raises:
            TimeoutError: the task does not end.
        """
        task = self.task(content, tasktype, inputs, checkpoint)
        async with asyncio.timeout(_PATIENCE_S), self.runtime.prepare(task) as request:
            outputs = await request.infer(before_post=lambda: None, on_progress=self.progress.append)
            return await read(outputs)

    async def fault(self, *names: str) -> None:
        """Inject a fault into the next inference."""
        await self.post("/_stand_in/faults", dict.fromkeys(names, True))

    async def journal(self) -> list[str]:
        """The journal of the GPU."""
        return [entry["event"] for entry in await self.get("/_stand_in/journal")]

    async def get(self, path: str) -> Any:
        """Send a GET request to the stand-in."""
        async with self.session.get(f"{self.url}{path}") as response:
            return await response.json()

    async def post(self, path: str, body: object) -> None:
        """Send a POST request to the stand-in."""
        async with self.session.post(f"{self.url}{path}", json=body) as response:
            response.raise_for_status()

    async def begun(self) -> None:
        """Wait until an inference has started."""
        await until(self._has_begun)

    async def _has_begun(self) -> bool:
        return "begin" in await self.journal()


async def read(outputs: Outputs) -> Result:
    """Read all outputs."""
    files = [file async for file in outputs.files()]
    return Result(files, outputs.description())


async def until(is_so: Callable[[], Any]) -> None:
    """Wait for a condition.

    Raises:
        TimeoutError: the condition did not become true.
    """
    async with asyncio.timeout(_PATIENCE_S):
        while not await is_so():  # noqa: ASYNC110 (what is waited for is in another process)
            await asyncio.sleep(0.02)


@asynccontextmanager
async def bench(
    runtime_type: RuntimeType,
    seconds_per_task: float = 0.0,
    *,
    timeout_s: float = _PATIENCE_S,
    flavour: Flavour = "a1111",
    models: Sequence[str] = MODELS,
    own: str | None = MODELS[0],
    dynamic: bool = True,
    max_upload_bytes: int | None = MAX_UPLOAD_BYTES,
) -> AsyncIterator[Bench]:
    """A stand-in in this process.

    Args:
        runtime_type: the API to serve.
        seconds_per_task: how long an inference takes.
        timeout_s: default timeout of a request.
        flavour: variant of the SD Web UI.
        models: paths of the checkpoints in its model folder.
        own: `modelFilename` of the runtime.
        dynamic: its `dynamicModel`.
        max_upload_bytes: largest request that ComfyUI takes.
    """
    app = make_app(
        runtime_type,
        seconds_per_task=seconds_per_task,
        flavour=flavour,
        models=models,
        max_upload_bytes=max_upload_bytes,
    )
    server = TestServer(app)
    # An injected hang never ends.
    await server.start_server(shutdown_timeout=0.1)
    try:
        url = str(server.make_url("")).rstrip("/")
        async with _client(runtime_type, url, server.close, timeout_s, own=own, dynamic=dynamic) as one:
            yield one
    finally:
        await server.close()


@asynccontextmanager
async def process_bench(
    runtime_type: RuntimeType, seconds_per_task: float = 0.0, image_bytes: int | None = None
) -> AsyncIterator[Bench]:
    """A stand-in in a separate process, which can be killed."""
    port = _free_port()
    further = [] if image_bytes is None else ["--image-bytes", str(image_bytes)]
    process = await _start(runtime_type, port, seconds_per_task, *further)

    async def stop() -> None:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.wait()

    try:
        async with _client(runtime_type, f"http://127.0.0.1:{port}", stop) as one:
            await until(one.runtime.is_ready)
            yield one
    finally:
        await stop()


@asynccontextmanager
async def restarted_bench(
    runtime_type: RuntimeType, journal: Path, seconds_per_task: float = 0.0, *, may_start: asyncio.Event
) -> AsyncIterator[Bench]:
    """A stand-in in a process that is restarted whenever it exits, as in a pod.

    Args:
        runtime_type: the API to serve.
        journal: file with the inferences of all processes.
        seconds_per_task: how long an inference takes.
        may_start: the process starts after this is set.
    """
    port = _free_port()

    async def keep_up() -> None:
        await may_start.wait()
        while True:
            process = await _start(runtime_type, port, seconds_per_task, "--journal", str(journal))
            try:
                await process.wait()
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()

    keeping = asyncio.create_task(keep_up())
    try:
        async with _client(runtime_type, f"http://127.0.0.1:{port}", keeping.cancel) as one:
            yield one
    finally:
        keeping.cancel()
        await asyncio.wait({keeping})


async def _start(
    runtime_type: RuntimeType, port: int, seconds_per_task: float, *further: str
) -> asyncio.subprocess.Process:
    arguments = ["--type", runtime_type, "--port", str(port), "--seconds-per-task", str(seconds_per_task), *further]
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.fakes.stand_in_runtime", *arguments, stderr=asyncio.subprocess.DEVNULL
    )


@asynccontextmanager
async def _client(
    runtime_type: RuntimeType,
    url: str,
    stop: Callable[[], Any],
    timeout_s: float = _PATIENCE_S,
    *,
    own: str | None = MODELS[0],
    dynamic: bool = True,
) -> AsyncIterator[Bench]:
    with patch("queue_agent.runtimes.http._CONNECT_S", _CONNECT_S):
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, force_close=True)) as session,
            aiohttp.ClientSession() as reads,
        ):
            http = RuntimeHttp(session, url, reads=reads, timeout_s=timeout_s)
            runtime: Runtime = ComfyUi(http)
            if runtime_type == "sdwebui":
                runtime = SdWebUi(http, model_filename=own, dynamic_model=dynamic)
            yield Bench(runtime_type, runtime, session, url, stop)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
