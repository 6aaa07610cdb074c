"""Both runtimes over real HTTP and a real websocket, against stand-ins with the real servers' awkward sides."""

import asyncio
import base64
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from queue_agent.errors import BadTaskError, RuntimeUnavailableError, TaskFailedError
from queue_agent.runtimes.base import Answer, Runtime, RuntimeTask
from queue_agent.runtimes.comfyui import ComfyUi
from queue_agent.runtimes.http import RuntimeHttp
from queue_agent.runtimes.sdwebui import SdWebUi
from tests.fakes.stand_in_runtime.application import RuntimeType, make_app

pytestmark = pytest.mark.asyncio
PNG = b"\x89PNG"


@dataclass
class Bench:
    """A runtime, the stand-in behind it, and the progress that was heard."""

    runtime: Runtime
    http: RuntimeHttp
    server: TestServer
    progress: list[float] = field(default_factory=list)
    claim_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    async def run(self, content: dict[str, Any], tasktype: str = "text-to-image") -> Answer:
        task = RuntimeTask(claim_id=self.claim_id, submission="S", tasktype=tasktype, content=content)
        return await self.runtime.run(task, before_post=lambda: None, on_progress=self.progress.append)

    async def fault(self, **faults: bool) -> None:
        await self.http.post("/_stand_in/faults", faults)

    async def journal(self) -> list[str]:
        return [entry["event"] for entry in (await self.http.get("/_stand_in/journal")).json()]


@asynccontextmanager
async def bench(runtime_type: RuntimeType, seconds_per_task: float = 0.0) -> AsyncIterator[Bench]:
    server = TestServer(make_app(runtime_type, seconds_per_task=seconds_per_task))
    await server.start_server()
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session:
        http = RuntimeHttp(session, str(server.make_url("")).rstrip("/"))
        runtime: Runtime = SdWebUi(http) if runtime_type == "sdwebui" else ComfyUi(http)
        yield Bench(runtime, http, server)
    await server.close()


def workflow(seed: int = 1, further: dict[str, Any] | None = None) -> dict[str, Any]:
    known = {
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 32, "height": 32}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a dog"}},
        "3": {"class_type": "KSampler", "inputs": {"seed": seed, "steps": 4, "positive": ["6", 0]}},
        "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "x", "images": ["3", 0]}},
    }
    return known | (further or {})


SMALL = {"prompt": "x", "width": 32, "height": 32, "steps": 2, "seed": 5}


@pytest.mark.parametrize("runtime_type", ["sdwebui", "comfyui"])
async def test_a_runtime_that_answers_is_ready_and_one_that_is_gone_is_not(runtime_type: RuntimeType) -> None:
    async with bench(runtime_type) as one:
        assert await one.runtime.is_ready()
        await one.server.close()
        assert not await one.runtime.is_ready()


@pytest.mark.parametrize("runtime_type", ["sdwebui", "comfyui"])
async def test_fails_when_the_runtime_is_gone_before_it_had_the_task(runtime_type: RuntimeType) -> None:
    async with bench(runtime_type) as one:
        await one.server.close()
        with pytest.raises(RuntimeUnavailableError) as error:
            await one.run(SMALL if runtime_type == "sdwebui" else workflow())
        assert error.value.accepted is False


@pytest.mark.parametrize("runtime_type", ["sdwebui", "comfyui"])
async def test_fails_when_the_runtime_is_not_up_yet(runtime_type: RuntimeType) -> None:
    async with bench(runtime_type) as one:
        await one.fault(unavailable=True)
        with pytest.raises(RuntimeUnavailableError, match="503") as error:
            await one.run(SMALL if runtime_type == "sdwebui" else workflow())
        assert error.value.accepted is False


@pytest.mark.parametrize("runtime_type", ["sdwebui", "comfyui"])
async def test_an_interrupted_runtime_is_seen_idle(runtime_type: RuntimeType) -> None:
    async with bench(runtime_type, seconds_per_task=30) as one:
        running = asyncio.ensure_future(one.run(SMALL if runtime_type == "sdwebui" else workflow()))
        await until(lambda: begun(one))
        running.cancel()
        await asyncio.wait({running})
        assert await one.runtime.interrupt_until_idle(5)
        assert await one.journal() == ["begin", "interrupted"]


async def begun(one: Bench) -> bool:
    return "begin" in await one.journal()


async def until(is_so: Callable[[], Awaitable[bool]]) -> None:
    for _ in range(200):
        if await is_so():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it never happened")


async def test_sdwebui_gives_pictures_seeds_and_the_model_that_ran() -> None:
    async with bench("sdwebui") as one:
        answer = await one.run(SMALL)
    (file,) = answer.files
    assert (file.data[:4], file.extension, file.content_type) == (PNG, "png", "image/png")
    assert (answer.summary["seeds"], answer.summary["model"]) == ([5], "v1-5-pruned-emaonly")
    assert "images" not in answer.response


async def test_sdwebui_tells_a_grid_from_the_pictures() -> None:
    async with bench("sdwebui") as one:
        answer = await one.run({**SMALL, "batch_size": 3})
    assert len(answer.files) == 3
    assert answer.summary["seeds"] == [5, 6, 7]


async def test_sdwebui_makes_a_picture_of_a_picture() -> None:
    async with bench("sdwebui") as one:
        answer = await one.run({**SMALL, "init_images": [base64.b64encode(PNG).decode()]}, "image-to-image")
    assert len(answer.files) == 1


async def test_sdwebui_enlarges_one_picture_and_several() -> None:
    picture = base64.b64encode(PNG + b"x").decode()
    async with bench("sdwebui") as one:
        single = await one.run({"image": picture}, "extra-single-image")
        batch = await one.run({"imageList": [{"data": picture, "name": "a"}] * 2}, "extra-batch-images")
    assert [len(single.files), len(batch.files)] == [1, 2]


async def test_sdwebui_does_not_get_the_keys_that_route_a_task() -> None:
    scripts = {"task": "text-to-image", "id_task": "a", "sd_model_checkpoint": "m", "ControlNet": {"args": []}}
    async with bench("sdwebui") as one:
        assert (await one.run({**SMALL, "alwayson_scripts": scripts})).files


async def test_sdwebui_switches_to_the_checkpoint_that_a_task_names() -> None:
    async with bench("sdwebui") as one:
        wanted = {"sd_model_checkpoint": "sd_xl_base_1.0.safetensors"}
        answer = await one.run({**SMALL, "override_settings": wanted})
    assert answer.summary["model"] == "sd_xl_base_1.0"


async def test_fails_when_sdwebui_does_not_have_the_checkpoint() -> None:
    async with bench("sdwebui") as one:
        with pytest.raises(BadTaskError, match="'nonesuch.ckpt' is none of: sd_xl_base_1.0.safetensors, v1-5"):
            await one.run({**SMALL, "override_settings": {"sd_model_checkpoint": "nonesuch.ckpt"}})
        assert await one.journal() == []


@pytest.mark.parametrize(
    ("content", "tasktype", "says"),
    [
        ({**SMALL, "alwayson_scripts": {"nonesuch": {"args": []}}}, "text-to-image", "script nonesuch not found"),
        (SMALL, "image-to-image", "Init image not found"),
        ({**SMALL, "init_images": ["%%%"]}, "image-to-image", "Invalid encoded image"),
    ],
)
async def test_fails_in_sdwebuis_own_words(content: dict[str, Any], tasktype: str, says: str) -> None:
    async with bench("sdwebui") as one:
        with pytest.raises(TaskFailedError, match=says):
            await one.run(content, tasktype)


@pytest.mark.parametrize(
    ("runtime_type", "says"), [("sdwebui", "CUDA out of memory"), ("comfyui", "Allocation on device")]
)
async def test_fails_when_the_gpu_is_out_of_memory(runtime_type: RuntimeType, says: str) -> None:
    async with bench(runtime_type) as one:
        await one.fault(out_of_memory=True)
        with pytest.raises(TaskFailedError, match=says):
            await one.run(SMALL if runtime_type == "sdwebui" else workflow())


async def test_comfyui_gives_pictures_and_progress() -> None:
    async with bench("comfyui", seconds_per_task=0.2) as one:
        answer = await one.run(workflow(), "pipeline")
    (file,) = answer.files
    assert (file.data[:4], file.content_type) == (PNG, "image/png")
    assert one.progress == sorted(one.progress)
    assert 0 < max(one.progress) <= 1


async def test_comfyui_answers_a_cached_graph_with_the_files_of_the_first_time() -> None:
    async with bench("comfyui") as one:
        first = await one.run(workflow(), "pipeline")
        one.claim_id = str(uuid.uuid4())
        second = await one.run(workflow(), "pipeline")
        assert [file.data for file in first.files] == [file.data for file in second.files]
        assert (await one.journal()).count("begin") == 1


async def test_comfyui_runs_the_valid_part_of_a_graph_and_says_what_it_left_out() -> None:
    broken = {"class_type": "SaveImage", "inputs": {"filename_prefix": "y"}}
    async with bench("comfyui") as one:
        answer = await one.run(workflow(further={"10": broken}), "pipeline")
    assert len(answer.files) == 1
    assert list(answer.summary["node_errors"]) == ["10"]


async def test_comfyui_hands_out_previews_only_where_there_is_nothing_else() -> None:
    preview = {"class_type": "PreviewImage", "inputs": {"images": ["3", 0]}}
    async with bench("comfyui") as one:
        both = await one.run(workflow(further={"10": preview}), "pipeline")
        one.claim_id = str(uuid.uuid4())
        alone = await one.run({**workflow(2), "9": preview}, "pipeline")
    assert (len(both.files), len(alone.files)) == (1, 1)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"1": {"class_type": "Nonesuch", "inputs": {}}}, "Node 'Nonesuch' not found. Node ID '#1'"),
        ({"1": {"class_type": "CLIPTextEncode", "inputs": {}}}, "Prompt has no outputs"),
        ({"1": {"class_type": "SaveImage", "inputs": {}}}, "Prompt outputs failed validation"),
        ({"nodes": [], "links": []}, "500 Internal Server Error"),
    ],
)
async def test_fails_in_comfyuis_own_words(content: dict[str, Any], says: str) -> None:
    async with bench("comfyui") as one:
        with pytest.raises(TaskFailedError, match=says):
            await one.run(content, "pipeline")


async def test_comfyui_error_names_the_node_and_leaves_the_tensors_out() -> None:
    async with bench("comfyui") as one:
        await one.fault(out_of_memory=True)
        with pytest.raises(TaskFailedError) as error:
            await one.run(workflow(), "pipeline")
    assert (error.value.details["node_id"], error.value.details["node_type"]) == ("3", "KSampler")
    assert "tensor" not in str(error.value.details)


async def test_comfyui_is_asked_when_its_websocket_is_gone() -> None:
    async with bench("comfyui", seconds_per_task=0.4) as one:
        await one.fault(drop_websocket=True)
        answer = await one.run(workflow(), "pipeline")
        assert len(answer.files) == 1
        assert (await one.journal()).count("begin") == 1
