"""Error responses of the SD Web UI and its forks: their messages and classification."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from queue_agent.errors import GpuFaultError, RuntimeBusyError, TaskFailedError
from queue_agent.runtimes.http import RuntimeHttp
from queue_agent.runtimes.sdwebui import SdWebUi
from tests.fakes.stand_in_runtime.application import RuntimeType
from tests.fakes.stand_in_runtime.bench import SMALL, bench, read, workflow

pytestmark = pytest.mark.asyncio

CUDA = "CUDA error: an illegal memory access was encountered\nCUDA kernel errors might be reported later."
OOM = "CUDA out of memory. Tried to allocate 2.00 GiB"
RETRY_AFTER_S = 5.0
"""As long as the agent waits before it asks a busy server again: so there is no time left for that."""


async def answered(status: int, body: Any, headers: dict[str, str] | None = None) -> Exception:
    """The error of a task for this response of the server, over real HTTP."""

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=status, text=body if isinstance(body, str) else json.dumps(body), headers=headers)

    app = web.Application()
    app.router.add_post("/sdapi/v1/extra-single-image", answer)
    server = TestServer(app)
    await server.start_server(shutdown_timeout=0.1)
    try:
        async with aiohttp.ClientSession() as session, bench("sdwebui") as one:
            http = RuntimeHttp(session, str(server.make_url("")).rstrip("/"))
            runtime = SdWebUi(http, model_filename=None, dynamic_model=True)
            # The only task type without a previous request to the server.
            async with runtime.prepare(one.task({}, "extra-single-image")) as request:
                outputs = await request.infer(before_post=lambda: None, on_progress=one.progress.append)
                await read(outputs)
    except (TaskFailedError, GpuFaultError, RuntimeBusyError) as error:
        return error
    finally:
        await server.close()
    raise AssertionError("there was no error")


def forge(error: str, message: str, detail: str = "") -> dict[str, str]:
    return {"error": error, "detail": detail, "body": "", "message": message}


@pytest.mark.parametrize("error", ["RuntimeError", "AcceleratorError"])
async def test_a_gpu_failure_of_forge_is_detected(error: str) -> None:
    raised = await answered(500, forge(error, CUDA))
    assert isinstance(raised, GpuFaultError)
    assert str(raised) == CUDA


@pytest.mark.parametrize(
    ("status", "body", "code", "says"),
    [
        (500, forge("OutOfMemoryError", OOM), "out_of_memory", OOM),
        (500, forge("OutOfMemoryError", ""), "out_of_memory", "OutOfMemoryError"),
        (500, forge("RuntimeError", "mat1 and mat2 do not fit"), "runtime_error", "mat1 and mat2 do not fit"),
        (500, forge("ValueError", f"no float: '{CUDA}'"), "runtime_error", f"no float: '{CUDA}'"),
        (404, forge("HTTPException", "", "Init image not found"), "runtime_error", "Init image not found"),
        (500, json.dumps("unhashable type: 'list'"), "runtime_error", "unhashable type: 'list'"),
        (400, {"error": "Init image is none"}, "runtime_error", "Init image is none"),
        (500, {"error": None}, "runtime_error", '{"error": null}'),
        (500, "", "runtime_error", "the runtime failed without a message"),
    ],
)
async def test_fails_with_the_message_of_every_fork(status: int, body: Any, code: str, says: str) -> None:
    raised = await answered(status, body)
    assert isinstance(raised, TaskFailedError)
    assert (raised.code, str(raised)) == (code, says)


def empty(info: Any = "", **more: Any) -> dict[str, Any]:
    info = info if isinstance(info, str) else json.dumps(info)
    return {"images": [], "parameters": {"prompt": "x"}, "info": info, **more}


@pytest.mark.parametrize(
    ("body", "code", "says"),
    [
        (empty(), "no_output", "the runtime returned no image"),
        (empty("null"), "no_output", "the runtime returned no image"),
        (empty({"prompt": CUDA, "infotexts": [CUDA]}), "no_output", "the runtime returned no image"),
        (empty("Aborted: no model"), "no_output", "the runtime returned no image: Aborted: no model"),
        (empty({"comments": ["a", "b"]}), "no_output", "the runtime returned no image: a; b"),
        (empty({"error": "bad shape"}), "no_output", "the runtime returned no image: bad shape"),
        (empty(error="RuntimeError", message=OOM), "out_of_memory", OOM),
        (empty({"errors": OOM}), "out_of_memory", OOM),
        ({"image": "", "html_info": "<p>no <b>upscaler</b></p>"}, "no_output", "image: no upscaler"),
        ({"images": None, "html_info": f"<p>{CUDA}</p>"}, "no_output", CUDA.partition("\n")[0]),
        ({}, "no_output", "the runtime returned no image"),
    ],
)
async def test_a_response_without_images_fails_with_the_servers_message(body: Any, code: str, says: str) -> None:
    raised = await answered(200, body)
    assert isinstance(raised, TaskFailedError)
    assert raised.code == code
    assert says in str(raised)


async def test_a_failed_gpu_is_detected_in_a_response_without_images_too() -> None:
    assert isinstance(await answered(200, empty(errors=CUDA)), GpuFaultError)


@pytest.mark.parametrize(
    ("headers", "retry_after_s"),
    [
        ({}, 5.0),
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "86400"}, 60.0),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, 5.0),
        ({"Retry-After": "-1"}, 5.0),
    ],
)
async def test_a_rate_limit_does_not_fail_the_task(headers: dict[str, str], retry_after_s: float) -> None:
    raised = await answered(429, {"error": "HTTPException", "errors": "rate limit exceeded"}, headers)
    assert isinstance(raised, RuntimeBusyError)
    assert (raised.accepted, raised.retry_after_s) == (False, retry_after_s)


@pytest.mark.parametrize("runtime_type", ["sdwebui", "comfyui"])
async def test_a_rate_limited_server_is_not_idle(runtime_type: RuntimeType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"queue_agent.runtimes.{runtime_type}.server._POLL_INTERVAL_S", 0.02)
    async with bench(runtime_type, timeout_s=RETRY_AFTER_S) as one:
        await one.fault("busy")
        assert not await one.runtime.is_ready()
        assert not await one.runtime.interrupt_until_idle(0.1)
        await one.post("/_stand_in/faults", {"busy": False})
        assert await one.runtime.interrupt_until_idle(0.1)


async def test_rate_limited_progress_does_not_stop_the_inference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queue_agent.runtimes.sdwebui.request._POLL_INTERVAL_S", 0.02)
    async with bench("sdwebui", seconds_per_task=0.4) as one:
        running = asyncio.ensure_future(one.run(SMALL))
        await one.begun()
        await one.fault("busy")
        await asyncio.sleep(0.1)
        await one.post("/_stand_in/faults", {"busy": False})
        assert len((await running).files) == 1


async def test_rate_limited_outputs_are_retried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("queue_agent.runtimes.http._BUSY_S", 0.02)
    async with bench("comfyui") as one, one.runtime.prepare(one.task()) as request:
        outputs = await request.infer(before_post=lambda: None, on_progress=one.progress.append)
        await one.fault("busy")
        reading = asyncio.ensure_future(read(outputs))
        await asyncio.sleep(0.1)
        await one.post("/_stand_in/faults", {"busy": False})
        assert len((await reading).files) == 1


async def test_a_workflow_continues_on_a_rate_limited_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queue_agent.runtimes.comfyui.request._QUIET_S", 0.02)
    monkeypatch.setattr("queue_agent.runtimes.comfyui.request._POLL_INTERVAL_S", 0.02)
    graph = workflow()
    graph["3"]["inputs"]["steps"] = 1
    async with bench("comfyui", seconds_per_task=0.4, timeout_s=RETRY_AFTER_S) as one:
        running = asyncio.ensure_future(one.run(graph))
        await one.begun()
        await one.fault("busy")
        await asyncio.sleep(0.1)
        await one.post("/_stand_in/faults", {"busy": False})
        assert len((await running).files) == 1
