"""The SD Web UI over real HTTP, with a stand-in for the server."""

import asyncio
import base64
from typing import Any

import pytest
from aiohttp import web

from queue_agent.errors import RuntimeUnavailableError, TaskFailedError
from tests.fakes.stand_in_runtime.bench import PNG, SMALL, Result, bench, process_bench
from tests.fakes.stand_in_runtime.sdwebui import MODELS, SdWebUi

pytestmark = pytest.mark.asyncio


async def test_images_have_seeds_and_the_model_that_ran() -> None:
    async with bench("sdwebui") as one:
        result = await one.run(SMALL)
    (file,) = result.files
    assert (file.data[:8], file.extension, file.content_type) == (PNG, "png", "image/png")
    assert (result.summary["seeds"], result.summary["model"]) == ([5], "v1-5-pruned-emaonly")


async def test_the_response_is_kept_without_images_and_with_decoded_info() -> None:
    control = {"ControlNet": {"args": [{"image": "A" * 20_000}]}}
    async with bench("sdwebui") as one:
        response = (await one.run({**SMALL, "alwayson_scripts": control})).description.response
    assert "images" not in response
    assert response["info"]["all_prompts"] == ["x"]
    assert response["parameters"]["alwayson_scripts"]["ControlNet"]["args"] == [{"image": "(20000 characters)"}]


@pytest.mark.parametrize("batch", [2, 5])
async def test_a_grid_is_not_an_output(batch: int) -> None:
    async with bench("sdwebui") as one:
        result = await one.run({**SMALL, "batch_size": batch})
    assert len(result.files) == batch
    assert result.summary["seeds"] == [5 + number for number in range(batch)]


async def test_images_are_yielded_in_the_order_of_their_seeds() -> None:
    async with bench("sdwebui") as one:
        both = await one.run({**SMALL, "batch_size": 2})
        second = await one.run({**SMALL, "seed": 6})
    assert both.files[1].data == second.files[0].data


async def test_an_image_is_generated_from_an_image() -> None:
    async with bench("sdwebui") as one:
        result = await one.run({**SMALL, "init_images": [base64.b64encode(PNG).decode()]}, "image-to-image")
    assert len(result.files) == 1


@pytest.mark.parametrize("start", ["", "data:image/png;base64,"])
async def test_one_image_and_several_are_upscaled(start: str) -> None:
    image = start + base64.b64encode(PNG).decode()
    async with bench("sdwebui") as one:
        single = await one.run({"image": image}, "extra-single-image")
        batch = await one.run({"imageList": [{"data": image, "name": "a"}] * 2}, "extra-batch-images")
    assert [file.data for file in [*single.files, *batch.files]] == [PNG] * 3


async def test_keys_that_route_a_task_do_not_reach_the_server() -> None:
    scripts = {"task": "text-to-image", "id_task": "a", "sd_model_checkpoint": MODELS[0], "ControlNet": {"args": []}}
    async with bench("sdwebui") as one:
        assert (await one.run({**SMALL, "alwayson_scripts": scripts})).files


@pytest.mark.parametrize(
    ("content", "tasktype", "says"),
    [
        ({**SMALL, "alwayson_scripts": {"nonesuch": {"args": []}}}, "text-to-image", "script nonesuch not found"),
        ({**SMALL, "steps": "many"}, "text-to-image", "^body.steps: value is not a valid integer$"),
        (SMALL, "image-to-image", "Init image not found"),
        ({**SMALL, "init_images": ["%%%"]}, "image-to-image", "Invalid encoded image"),
    ],
)
async def test_fails_with_the_servers_message(content: dict[str, Any], tasktype: str, says: str) -> None:
    async with bench("sdwebui") as one:
        with pytest.raises(TaskFailedError, match=says) as error:
            await one.run(content, tasktype)
    assert error.value.code == "runtime_error"


async def test_fails_when_the_response_has_no_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queue_agent.runtimes.sdwebui.outputs._images", lambda _answer: [])
    async with bench("sdwebui") as one:
        with pytest.raises(TaskFailedError, match="returned no image") as error:
            await one.run(SMALL)
    assert error.value.code == "no_output"


async def test_fails_when_an_image_is_not_base64(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queue_agent.runtimes.sdwebui.outputs._images", lambda _answer: ["%%%"])
    async with bench("sdwebui") as one:
        with pytest.raises(TaskFailedError, match="is not valid base64"):
            await one.run(SMALL)


@pytest.mark.parametrize("fault", ["reset", "cut_answer"])
async def test_fails_when_the_connection_is_reset(fault: str) -> None:
    async with bench("sdwebui", seconds_per_task=0.2) as one:
        await one.fault(fault)
        with pytest.raises(RuntimeUnavailableError, match="failed or closed the connection") as error:
            await one.run(SMALL)
    assert error.value.accepted is True


async def test_the_progress_of_a_short_inference_is_not_polled() -> None:
    async with bench("sdwebui", seconds_per_task=0.2) as one:
        await one.run(SMALL)
    assert one.progress == [0.0]  # the request was sent


async def test_progress_does_not_decrease_while_images_are_encoded(monkeypatch: pytest.MonkeyPatch) -> None:
    async def idle(_stand_in: object, _request: web.Request) -> web.Response:
        return web.json_response({"progress": 0.0, "state": {"job_count": 0}})

    monkeypatch.setattr("tests.fakes.stand_in_runtime.sdwebui.SdWebUi._progress", idle)
    monkeypatch.setattr("queue_agent.runtimes.sdwebui.request._POLL_INTERVAL_S", 0.05)
    async with bench("sdwebui", seconds_per_task=0.3) as one:
        await one.run(SMALL)
    assert one.progress == [0.0]  # the request was sent


async def test_progress_is_not_polled_after_the_inference() -> None:
    async with bench("sdwebui", seconds_per_task=0.7) as one:
        await one.run(SMALL)
        heard = list(one.progress)
        await asyncio.sleep(0.6)
    assert heard
    assert one.progress == heard


async def test_a_large_batch_is_whole() -> None:
    async with process_bench("sdwebui", image_bytes=1_500_000) as one:
        result = await one.run({**SMALL, "batch_size": 4})
    assert [len(file.data) > 1_400_000 for file in result.files] == [True] * 4
    assert [b"x, seed %d" % seed in file.data for seed, file in zip(range(5, 9), result.files, strict=True)] == [
        True
    ] * 4


@pytest.mark.parametrize("odd", [None, [], "x", {"sd_model_checkpoint": None}])
async def test_invalid_override_settings_are_rejected_by_the_server(odd: Any) -> None:
    async with bench("sdwebui") as one:
        task = one.task({**SMALL, "override_settings": odd})
        assert one.runtime.duration_key(task)
        async with one.runtime.prepare(task):
            assert await one.journal() == []


CLIP_SKIP = {"override_settings": {"CLIP_stop_at_last_layers": 2}}


def clip_skip(result: Result) -> int:
    skip: int = result.description.response["info"]["clip_skip"]
    return skip


async def test_what_a_task_overrides_is_restored_for_the_next_one() -> None:
    async with bench("sdwebui") as one:
        ran = [clip_skip(await one.run({**SMALL, **content})) for content in ({}, CLIP_SKIP, {}, CLIP_SKIP, {})]
    assert ran == [1, 2, 1, 2, 1]


async def test_no_task_can_leave_its_settings_to_the_next_one() -> None:
    async with bench("sdwebui") as one:
        await one.run({**SMALL, **CLIP_SKIP, "override_settings_restore_afterwards": False})
        assert clip_skip(await one.run(SMALL)) == 1


async def test_a_vae_is_the_tasks_that_names_it() -> None:
    vae = {"override_settings": {"sd_vae": "vae-ft-mse.safetensors"}}
    async with bench("sdwebui") as one:
        ran = [(await one.run({**SMALL, **content})).description.response["info"] for content in (vae, {})]
    assert [info["sd_vae_name"] for info in ran] == ["vae-ft-mse.safetensors", None]


async def test_a_setting_is_written_once_per_server_process(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[object] = []
    set_options = SdWebUi._set_options

    async def noted(stand_in: SdWebUi, request: web.Request) -> web.Response:
        written.append(await request.json())
        return await set_options(stand_in, request)

    monkeypatch.setattr(SdWebUi, "_set_options", noted)
    async with bench("sdwebui") as one:
        for _ in range(2):
            await one.run({**SMALL, **CLIP_SKIP})
        assert written == [{"CLIP_stop_at_last_layers": 1}]
        assert await one.runtime.is_ready()
        await one.run({**SMALL, **CLIP_SKIP})
    assert len(written) == 2


@pytest.mark.parametrize("odd", [{"no_such_setting": 1}, {"sd_vae": None}, [], "x", {}])
async def test_unknown_settings_are_not_written(odd: object) -> None:
    async with bench("sdwebui") as one:
        assert (await one.run({**SMALL, "override_settings": odd})).files
