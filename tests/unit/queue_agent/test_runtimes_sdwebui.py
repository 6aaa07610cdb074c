"""The SD Web UI over real HTTP, against a stand-in with the real server's awkward sides."""

import asyncio
import base64
from typing import Any

import pytest

from queue_agent.errors import BadTaskError, RuntimeUnavailableError, TaskFailedError
from queue_agent.runtimes.base import RuntimeTask
from tests.fakes.stand_in_runtime.bench import PNG, SMALL, Bench, bench, process_bench
from tests.fakes.stand_in_runtime.sdwebui import MODELS

pytestmark = pytest.mark.asyncio
XL = "sd_xl_base_1.0.safetensors"


def asking_for(checkpoint: str) -> dict[str, Any]:
    return {**SMALL, "override_settings": {"sd_model_checkpoint": checkpoint}}


async def test_pictures_come_with_seeds_and_the_model_that_ran() -> None:
    async with bench("sdwebui") as one:
        result = await one.run(SMALL)
    (file,) = result.files
    assert (file.data[:8], file.extension, file.content_type) == (PNG, "png", "image/png")
    assert (result.summary["seeds"], result.summary["model"]) == ([5], "v1-5-pruned-emaonly")


async def test_the_answer_is_kept_without_pictures_and_with_its_info_read() -> None:
    control = {"ControlNet": {"args": [{"image": "A" * 20_000}]}}
    async with bench("sdwebui") as one:
        response = (await one.run({**SMALL, "alwayson_scripts": control})).description.response
    assert "images" not in response
    assert response["info"]["all_prompts"] == ["x"]
    assert response["parameters"]["alwayson_scripts"]["ControlNet"]["args"] == [{"image": "(20000 characters)"}]


@pytest.mark.parametrize("batch", [2, 5])
async def test_a_grid_is_told_from_the_pictures(batch: int) -> None:
    async with bench("sdwebui") as one:
        result = await one.run({**SMALL, "batch_size": batch})
    assert len(result.files) == batch
    assert result.summary["seeds"] == [5 + number for number in range(batch)]


async def test_pictures_are_handed_out_in_the_order_of_their_seeds() -> None:
    async with bench("sdwebui") as one:
        both = await one.run({**SMALL, "batch_size": 2})
        second = await one.run({**SMALL, "seed": 6})
    assert both.files[1].data == second.files[0].data


async def test_a_picture_is_made_of_a_picture() -> None:
    async with bench("sdwebui") as one:
        result = await one.run({**SMALL, "init_images": [base64.b64encode(PNG).decode()]}, "image-to-image")
    assert len(result.files) == 1


@pytest.mark.parametrize("start", ["", "data:image/png;base64,"])
async def test_one_picture_and_several_are_enlarged(start: str) -> None:
    picture = start + base64.b64encode(PNG).decode()
    async with bench("sdwebui") as one:
        single = await one.run({"image": picture}, "extra-single-image")
        batch = await one.run({"imageList": [{"data": picture, "name": "a"}] * 2}, "extra-batch-images")
    assert [file.data for file in [*single.files, *batch.files]] == [PNG] * 3


async def test_keys_that_route_a_task_do_not_reach_the_server() -> None:
    scripts = {"task": "text-to-image", "id_task": "a", "sd_model_checkpoint": "m", "ControlNet": {"args": []}}
    async with bench("sdwebui") as one:
        assert (await one.run({**SMALL, "alwayson_scripts": scripts})).files


@pytest.mark.parametrize("named", [XL, f"/mnt/models/{XL}", f"{XL} [0123456789]"])
async def test_a_checkpoint_is_found_by_its_files_name_and_loaded(named: str) -> None:
    async with bench("sdwebui") as one:
        result = await one.run(asking_for(named))
        loaded = (await one.get("/sdapi/v1/options"))["sd_model_checkpoint"]
    assert result.summary["model"] == "sd_xl_base_1.0"
    assert loaded.startswith(XL)


async def test_a_checkpoint_that_is_loaded_is_not_asked_for_again() -> None:
    async with bench("sdwebui") as one:
        await one.run(asking_for(XL))
        async with one.runtime.prepare(one.task(asking_for(XL))) as request:
            one.runtime._checkpoints._http = None  # type: ignore[attr-defined] # any question would fail now
            outputs = await request.infer(before_post=lambda: None, on_progress=one.progress.append)
            assert [file.extension async for file in outputs.files()] == ["png"]


async def test_fails_when_the_server_does_not_have_the_checkpoint() -> None:
    async with bench("sdwebui") as one:
        with pytest.raises(BadTaskError, match=f"'nonesuch.ckpt' is none of: {XL}, v1-5") as error:
            await one.run(asking_for("nonesuch.ckpt"))
        assert error.value.code == "unknown_checkpoint"
        assert await one.journal() == []


async def test_a_checkpoint_that_came_after_the_server_had_looked_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    async with bench("sdwebui") as one:
        real, looks = one.runtime._checkpoints._titles, []  # type: ignore[attr-defined] # what it finds

        async def at_second_look() -> dict[str, str]:
            looks.append("look")
            return {} if len(looks) == 1 else await real()

        monkeypatch.setattr(one.runtime._checkpoints, "_titles", at_second_look)  # type: ignore[attr-defined] # as above
        assert (await one.run(asking_for(XL))).summary["model"] == "sd_xl_base_1.0"


async def test_fails_when_another_model_ran_than_was_asked_for() -> None:
    async with bench("sdwebui") as one:
        await one.fault("wrong_model")
        with pytest.raises(TaskFailedError, match="'another-model' ran in place of 'sd_xl_base_1.0") as error:
            await one.run(asking_for(XL))
    assert error.value.code == "wrong_model"


async def test_any_model_will_do_where_the_task_names_none() -> None:
    async with bench("sdwebui") as one:
        await one.fault("wrong_model")
        assert (await one.run(SMALL)).summary["model"] == "another-model"


@pytest.mark.parametrize(
    ("content", "tasktype", "says"),
    [
        ({**SMALL, "alwayson_scripts": {"nonesuch": {"args": []}}}, "text-to-image", "script nonesuch not found"),
        ({**SMALL, "steps": "many"}, "text-to-image", "^body.steps: value is not a valid integer$"),
        (SMALL, "image-to-image", "Init image not found"),
        ({**SMALL, "init_images": ["%%%"]}, "image-to-image", "Invalid encoded image"),
    ],
)
async def test_fails_in_the_servers_own_words(content: dict[str, Any], tasktype: str, says: str) -> None:
    async with bench("sdwebui") as one:
        with pytest.raises(TaskFailedError, match=says) as error:
            await one.run(content, tasktype)
    assert error.value.code == "runtime_error"


async def test_fails_when_the_answer_holds_no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queue_agent.runtimes.sdwebui.outputs._images", lambda _answer: [])
    async with bench("sdwebui") as one:
        with pytest.raises(TaskFailedError, match="without an image") as error:
            await one.run(SMALL)
    assert error.value.code == "no_output"


async def test_fails_when_a_picture_is_not_base64(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queue_agent.runtimes.sdwebui.outputs._images", lambda _answer: ["%%%"])
    async with bench("sdwebui") as one:
        with pytest.raises(TaskFailedError, match="is not base64"):
            await one.run(SMALL)


@pytest.mark.parametrize("fault", ["reset", "cut_answer"])
async def test_fails_when_the_connection_is_reset(fault: str) -> None:
    async with bench("sdwebui", seconds_per_task=0.2) as one:
        await one.fault(fault)
        with pytest.raises(RuntimeUnavailableError, match="died or hung up") as error:
            await one.run(SMALL)
    assert error.value.accepted is True


async def test_a_short_inference_is_not_asked_for_its_progress() -> None:
    async with bench("sdwebui", seconds_per_task=0.2) as one:
        await one.run(SMALL)
    assert one.progress == [0.0]  # the request was sent


async def test_no_question_for_progress_outlives_the_inference() -> None:
    async with bench("sdwebui", seconds_per_task=0.7) as one:
        await one.run(SMALL)
        heard = list(one.progress)
        await asyncio.sleep(0.6)
    assert heard
    assert one.progress == heard


async def loaded_when_the_task_is_sent(one: Bench) -> str:
    """Which checkpoint the server had at the very moment; the request itself would make it load another one."""

    def no_further() -> None:
        raise PermissionError

    async with one.runtime.prepare(one.task(asking_for(XL))) as request:
        with pytest.raises(PermissionError):
            await request.infer(before_post=no_further, on_progress=one.progress.append)
    title: str = (await one.get("/sdapi/v1/options"))["sd_model_checkpoint"]
    return title.partition(" [")[0]


async def test_a_checkpoint_is_loaded_before_the_task_is_sent() -> None:
    async with bench("sdwebui") as one:
        assert await loaded_when_the_task_is_sent(one) == XL


async def test_a_restarted_server_is_asked_anew_which_model_it_has() -> None:
    async with bench("sdwebui") as one:
        await one.run(asking_for(XL))
        await one.post("/sdapi/v1/options", {"sd_model_checkpoint": MODELS[0]})
        assert await one.runtime.is_ready()
        assert await loaded_when_the_task_is_sent(one) == XL


async def test_a_large_batch_is_whole() -> None:
    async with process_bench("sdwebui", image_bytes=1_500_000) as one:
        result = await one.run({**SMALL, "batch_size": 4})
    assert [len(file.data) > 1_400_000 for file in result.files] == [True] * 4
    assert [b"x, seed %d" % seed in file.data for seed, file in zip(range(5, 9), result.files, strict=True)] == [
        True
    ] * 4


@pytest.mark.parametrize("odd", [None, [], "x", {"sd_model_checkpoint": None}, {"sd_model_checkpoint": 7}])
async def test_odd_override_settings_are_left_to_the_server(odd: Any) -> None:
    async with bench("sdwebui") as one:
        task = RuntimeTask(
            claim_id=one.claim_id, submission="S", tasktype="text-to-image", content={**SMALL, "override_settings": odd}
        )
        assert one.runtime.likeness(task)
        async with one.runtime.prepare(task):
            assert await one.journal() == []


async def test_fails_when_the_server_is_gone_before_the_checkpoint_is_found() -> None:
    async with bench("sdwebui") as one:
        await one.stop()
        with pytest.raises(RuntimeUnavailableError, match="cannot be reached") as error:
            await one.run(asking_for(XL))
    assert error.value.accepted is False


async def test_a_server_that_is_busy_with_another_task_is_waited_for() -> None:
    async with bench("sdwebui", timeout_s=0.1) as one:
        await one.fault("deaf")
        running = asyncio.ensure_future(one.run(asking_for(XL)))
        await asyncio.sleep(0.3)
        await one.post("/_stand_in/faults", {"deaf": False})
        assert len((await running).files) == 1
