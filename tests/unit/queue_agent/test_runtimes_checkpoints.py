"""The checkpoint that the SD Web UI uses, over real HTTP: the requested one, or none."""

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from queue_agent.errors import BadTaskError, RuntimeUnavailableError, TaskFailedError
from queue_agent.runtimes.sdwebui import choices
from queue_agent.settings import Settings
from task_record.environment import SettingsError
from tests.fakes.stand_in_runtime.bench import SMALL, Bench, Result, bench
from tests.fakes.stand_in_runtime.sdwebui import MODELS
from tests.fakes.stand_in_runtime.sdwebui_models import Flavour

pytestmark = pytest.mark.asyncio
OWN, XL = MODELS
FLAVOURS = pytest.mark.parametrize("flavour", ["a1111", "forge"])
TWINS = ("a/Foo.safetensors", "b/Foo.safetensors")


def asking_for(checkpoint: str) -> dict[str, Any]:
    return {**SMALL, "override_settings": {"sd_model_checkpoint": checkpoint}}


def ran(result: Result) -> tuple[Any, Any]:
    """The server's response, and the loaded file."""
    return result.summary["model"], result.summary["checkpoint"]


async def put(one: Bench, *checkpoints: str) -> None:
    """Replace the files of the model folder. The server needs a refresh to find them."""
    await one.post("/_stand_in/models", {"checkpoints": list(checkpoints)})


@FLAVOURS
@pytest.mark.parametrize("named", [XL, f"/models/{XL}", f"{XL} [0123456789]", "sd_xl_base_1.0"])
async def test_a_checkpoint_is_found_by_each_of_its_names(named: str, flavour: Flavour) -> None:
    async with bench("sdwebui", flavour=flavour) as one:
        assert ran(await one.run(asking_for(named))) == ("sd_xl_base_1.0", XL)


@FLAVOURS
async def test_after_another_checkpoint_the_own_one_runs_again(flavour: Flavour) -> None:
    async with bench("sdwebui", flavour=flavour) as one:
        models = [ran(await one.run(content))[1] for content in (SMALL, asking_for(XL), SMALL, asking_for(OWN), SMALL)]
    assert models == [OWN, XL, OWN, OWN, OWN]


@FLAVOURS
async def test_what_was_decided_at_submit_runs(flavour: Flavour) -> None:
    async with bench("sdwebui", flavour=flavour, dynamic=False) as one:
        for path in (XL, OWN):
            result = await one.run(asking_for("the message takes precedence"), checkpoint=path)
            sent = result.description.response["parameters"]["override_settings"]
            assert (ran(result)[1], sent["sd_model_checkpoint"].partition(" [")[0]) == (path, path)


@FLAVOURS
@pytest.mark.parametrize("named", ["b/Foo.safetensors", "b\\Foo", "b/Foo.safetensors [31e35c80fc]"])
async def test_of_two_files_of_one_name_the_named_one_runs(named: str, flavour: Flavour) -> None:
    async with bench("sdwebui", flavour=flavour, models=(*TWINS, OWN)) as one:
        for path in (TWINS[0], OWN, TWINS[0]):
            assert ran(await one.run(asking_for(path)))[1] == path
            assert ran(await one.run(asking_for(named))) == ("Foo", TWINS[1])
            options = await one.get("/sdapi/v1/options")
            assert options["sd_model_checkpoint"].startswith(TWINS[1])


@FLAVOURS
@pytest.mark.parametrize("version", ["v1", "v2"])
async def test_brackets_in_a_name_are_no_hash(version: str, flavour: Flavour) -> None:
    models = ("Foo [v1].safetensors", "Foo [v2].safetensors")
    async with bench("sdwebui", flavour=flavour, models=models, own=models[0]) as one:
        for _ in range(2):  # the title has a hash after the first run
            assert ran(await one.run(asking_for(f"Foo [{version}]"))) == (
                f"Foo [{version}]",
                f"Foo [{version}].safetensors",
            )


@FLAVOURS
@pytest.mark.parametrize("suffix", [".gguf", ".sft", ".SAFETENSORS", ".ckpt"])
async def test_every_suffix_is_one_of_the_right_model(suffix: str, flavour: Flavour) -> None:
    async with bench("sdwebui", flavour=flavour, models=(OWN, f"flux.v1{suffix}")) as one:
        assert ran(await one.run(asking_for("flux.v1"))) == ("flux.v1", f"flux.v1{suffix}")


@FLAVOURS
async def test_a_checkpoint_that_was_uploaded_after_the_refresh_runs(flavour: Flavour) -> None:
    async with bench("sdwebui", flavour=flavour) as one:
        await one.run(SMALL)
        await put(one, *MODELS, "new.ckpt")
        assert ran(await one.run(asking_for("new.ckpt"))) == ("new", "new.ckpt")


async def refusal(one: Bench, content: dict[str, Any]) -> BadTaskError:
    """The error of a task that never reaches the GPU."""
    with pytest.raises(BadTaskError) as error:
        await one.run(content)
    assert await one.journal() == []
    return error.value


async def test_fails_when_a_base_name_matches_two_files() -> None:
    async with bench("sdwebui", models=(*TWINS, OWN)) as one:
        error = await refusal(one, asking_for("Foo.safetensors"))
    assert error.code == "ambiguous_checkpoint"
    assert str(error).endswith("got 'Foo.safetensors', which matches a/Foo.safetensors and b/Foo.safetensors")


async def test_fails_when_the_server_does_not_have_the_checkpoint() -> None:
    async with bench("sdwebui") as one:
        error = await refusal(one, asking_for("nonesuch.ckpt"))
    assert error.code == "unknown_checkpoint"
    assert str(error).endswith(f"got 'nonesuch.ckpt'; available: {XL}, {OWN}")


@pytest.mark.parametrize("folder", ["Lora", "loras", "VAE", "vae", "ControlNet", "embeddings", "x/LoRA"])
async def test_fails_when_what_is_named_is_of_another_kind(folder: str) -> None:
    path = f"{folder}/style.safetensors"
    async with bench("sdwebui", models=(OWN, path, "Stable-diffusion/vae/kept.ckpt")) as one:
        assert (await refusal(one, asking_for("style"))).code == "unknown_checkpoint"
        assert ran(await one.run(asking_for("kept")))[1] == "Stable-diffusion/vae/kept.ckpt"


async def test_fails_when_a_fixed_runtime_is_asked_for_another_by_a_message_that_does_not_say() -> None:
    async with bench("sdwebui", dynamic=False) as one:
        error = await refusal(one, asking_for(XL))
        assert (error.code, str(error)[:40]) == ("bad_message", "content.override_settings.sd_model_check")
        assert ran(await one.run({**SMALL, "alwayson_scripts": {"sd_model_checkpoint": OWN}}))[1] == OWN


async def test_fails_when_a_message_names_none_and_the_runtime_has_none_of_its_own() -> None:
    async with bench("sdwebui", own=None) as one:
        assert (await refusal(one, SMALL)).code == "checkpoint_required"


async def test_upscaling_needs_no_checkpoint_and_loads_none() -> None:
    async with bench("sdwebui", own=None) as one:
        await one.run(asking_for(XL))
        result = await one.run({"image": "aGVsbG8=", **asking_for("nonesuch")}, "extra-single-image")
        assert "checkpoint" not in result.summary
        assert (await one.get("/sdapi/v1/options"))["sd_model_checkpoint"].startswith(XL)


async def test_settings_of_the_v1alpha1_format_reach_the_server_as_settings() -> None:
    scripts = {"sd_vae": "vae-ft-mse.safetensors", "override_settings": {"a": 1}, "uid": {"any": "JSON"}}
    async with bench("sdwebui") as one:
        response = (await one.run({**SMALL, "alwayson_scripts": scripts})).description.response
    assert response["parameters"]["override_settings"]["a"] == 1
    assert response["parameters"]["alwayson_scripts"] == {}
    assert response["info"]["sd_vae_name"] == "vae-ft-mse.safetensors"


@FLAVOURS
async def test_fails_when_another_model_ran_than_was_asked_for(flavour: Flavour) -> None:
    async with bench("sdwebui", flavour=flavour) as one:
        await one.fault("wrong_model")
        with pytest.raises(TaskFailedError, match=f"the runtime used 'another-model' instead of '{OWN}'") as error:
            await one.run(SMALL)
        assert error.value.code == "wrong_model"
        assert ran(await one.run(SMALL))[1] == OWN


async def test_fails_when_the_twin_of_a_checkpoint_ran() -> None:
    async with bench("sdwebui", models=TWINS, own=TWINS[0]) as one:
        async with one.runtime.prepare(one.task(asking_for(TWINS[1]))) as request:
            checkpoints: Any = one.runtime._checkpoints  # type: ignore[attr-defined] # the loaded checkpoint, as far as the client knows
            checkpoints._loaded = TWINS[1]
            await put(one, TWINS[0])
            await one.post("/sdapi/v1/refresh-checkpoints", {})  # from here on the sent name is unknown
            with pytest.raises(
                TaskFailedError, match="the runtime used 'a/Foo.safetensors' instead of 'b/Foo.safetensors'"
            ) as error:
                await request.infer(before_post=lambda: None, on_progress=one.progress.append)
    assert error.value.code == "wrong_model"


@FLAVOURS
async def test_a_refresh_does_not_leave_another_checkpoint_loaded(flavour: Flavour) -> None:
    async with bench("sdwebui", flavour=flavour) as one:
        assert await file_that_ran(one, asking_for(XL)) == XL
        with pytest.raises(BadTaskError, match="must be one of the server's checkpoints"):
            await one.run(asking_for("nosuch.safetensors"))
        assert await file_that_ran(one, SMALL) == OWN
        assert await file_that_ran(one, asking_for(XL)) == XL


async def file_that_ran(one: Bench, content: dict[str, Any]) -> str:
    """The file that was used. The response of a server names the selected one, which may be another."""
    await one.run(content)
    path: str = (await one.get("/_stand_in/models"))["loaded"]
    return path


@pytest.mark.parametrize(
    "further",
    [{"refiner_checkpoint": OWN}, {"enable_hr": True, "hr_checkpoint_name": OWN}],
    ids=["refiner", "second pass"],
)
async def test_a_checkpoint_with_a_twin_may_be_followed_by_another(further: dict[str, Any]) -> None:
    async with bench("sdwebui", models=(*TWINS, OWN)) as one:
        for path in (*TWINS, TWINS[0]):
            assert ran(await one.run({**asking_for(path), **further})) == ("Foo", path)


async def loaded_when_the_task_is_sent(one: Bench, content: dict[str, Any]) -> str:
    """The checkpoint at the time of the request. The request itself would load another one."""

    def no_further() -> None:
        raise PermissionError

    async with one.runtime.prepare(one.task(content)) as request:
        with pytest.raises(PermissionError):
            await request.infer(before_post=no_further, on_progress=one.progress.append)
    title: str = (await one.get("/sdapi/v1/options"))["sd_model_checkpoint"]
    return title.partition(" [")[0]


async def test_a_checkpoint_is_loaded_before_the_task_is_sent() -> None:
    async with bench("sdwebui") as one:
        assert await loaded_when_the_task_is_sent(one, asking_for(XL)) == XL
        assert await loaded_when_the_task_is_sent(one, SMALL) == OWN


async def test_a_restarted_server_is_asked_again_which_model_it_has() -> None:
    async with bench("sdwebui") as one:
        await one.run(asking_for(XL))
        await one.post("/sdapi/v1/options", {"sd_model_checkpoint": OWN})
        assert await one.runtime.is_ready()
        assert await loaded_when_the_task_is_sent(one, asking_for(XL)) == XL


async def test_a_task_like_the_one_before_costs_no_call_but_its_own() -> None:
    async with bench("sdwebui") as one:
        await one.run(asking_for(XL))
        runtime: Any = one.runtime
        runtime._checkpoints._http = runtime._choices._http = None  # any other request would fail now
        assert ran(await one.run(asking_for(XL)))[1] == XL


async def test_fails_when_the_server_is_unavailable_before_the_checkpoint_is_found() -> None:
    async with bench("sdwebui") as one:
        await one.stop()
        with pytest.raises(RuntimeUnavailableError, match="is unreachable") as error:
            await one.run(asking_for(XL))
    assert error.value.accepted is False


async def test_a_server_that_is_busy_with_another_task_is_waited_for() -> None:
    async with bench("sdwebui", timeout_s=0.1) as one:
        await one.fault("unresponsive")
        running = asyncio.ensure_future(one.run(asking_for(XL)))
        await asyncio.sleep(0.3)
        await one.post("/_stand_in/faults", {"unresponsive": False})
        assert len((await running).files) == 1


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Callable[[], list[dict[str, Any]]]:
    caplog.set_level(logging.INFO, "queue_agent")
    return lambda: [json.loads(record.message) for record in caplog.records if record.name == "queue_agent"]


@FLAVOURS
async def test_a_runtime_without_its_checkpoint_is_not_ready_and_says_which_once(
    flavour: Flavour, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    async with bench("sdwebui", flavour=flavour, own="sdxl/own.safetensors") as one:
        assert [await one.runtime.is_ready() for _ in range(3)] == [False] * 3
        assert logged() == [
            {
                "event": "model_missing",
                "model_filename": "sdxl/own.safetensors",
                "reason": f"available: {XL}, {OWN}",
            }
        ]


async def test_a_runtime_whose_checkpoint_matches_two_files_is_not_ready(
    logged: Callable[[], list[dict[str, Any]]],
) -> None:
    async with bench("sdwebui", models=TWINS, own="Foo.safetensors") as one:
        assert not await one.runtime.is_ready()
        (said,) = logged()
    assert (said["event"], said["reason"]) == ("model_ambiguous", "it matches a/Foo.safetensors and b/Foo.safetensors")


async def test_a_runtime_becomes_ready_when_its_checkpoint_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    async with bench("sdwebui", own="late.ckpt") as one:
        assert not await one.runtime.is_ready()
        await put(one, *MODELS, "late.ckpt")
        monkeypatch.setattr("queue_agent.runtimes.sdwebui.checkpoints._REFRESH_INTERVAL_S", 0.0)
        assert await one.runtime.is_ready()


async def test_a_server_that_started_without_any_model_says_which_is_missing_and_loads_it_when_it_comes(
    monkeypatch: pytest.MonkeyPatch, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    monkeypatch.setattr("queue_agent.runtimes.sdwebui.checkpoints._REFRESH_INTERVAL_S", 0.0)
    async with bench("sdwebui", models=(), own="late.ckpt") as one:
        assert not await one.runtime.is_ready()
        assert [said["model_filename"] for said in logged()] == ["late.ckpt"]
        await put(one, "late.ckpt")
        assert await one.runtime.is_ready()
        assert (await one.get("/_stand_in/models"))["loaded"] == "late.ckpt"


async def test_a_runtime_without_a_checkpoint_of_its_own_needs_none_to_be_ready() -> None:
    async with bench("sdwebui", own=None, models=()) as one:
        assert await one.runtime.is_ready()


NAMES = {
    "sampler": ({"sampler_name": "Euler"}, "sampler_name", "Euler"),
    "sampler with its scheduler": ({"sampler_name": "DPM++ 2M Karras"}, "sampler_name", "DPM++ 2M"),
    "sampler with a scheduler's alias": ({"sampler_name": "Euler a SGMUniform"}, "sampler_name", "Euler a"),
    "scheduler": ({"scheduler": "Karras"}, "Schedule type", "Karras"),
    "scheduler's own name": ({"scheduler": "sgm_uniform"}, "Schedule type", "SGM Uniform"),
    "refiner": ({"refiner_checkpoint": "sd_xl_base_1.0"}, "Refiner", XL),
    "second pass": ({"enable_hr": True, "hr_checkpoint_name": XL}, "Hires checkpoint", XL),
    "VAE": ({"override_settings": {"sd_vae": "vae-ft-mse.safetensors"}}, "sd_vae_name", "vae-ft-mse.safetensors"),
    "no VAE": ({"override_settings": {"sd_vae": "None"}}, "sd_vae_name", None),
    "style": ({"styles": ["cinematic", "None"]}, "sd_vae_name", None),
    "same": (
        {"enable_hr": True, "hr_checkpoint_name": "Use same checkpoint", "hr_scheduler": "Use same scheduler"},
        "Schedule type",
        "Automatic",
    ),
    "none": (
        {"sampler_name": None, "scheduler": "", "refiner_checkpoint": "None", "hr_checkpoint_name": "nonesuch"},
        "Refiner",
        None,
    ),
}


@pytest.mark.parametrize(("named", "where", "runs"), NAMES.values(), ids=NAMES)
async def test_what_is_on_the_servers_lists_runs(named: dict[str, Any], where: str, runs: str | None) -> None:
    async with bench("sdwebui") as one:
        info = (await one.run({**SMALL, **named})).description.response["info"]
    assert {**info, **info["extra_generation_params"]}[where] == runs


UNKNOWN = {
    "sampler": ({"sampler_name": "euler a"}, "unknown_sampler", "sampler_name must .* did you mean 'Euler a'"),
    "sampler index": ({"sampler_index": "Heun 9"}, "unknown_sampler", "sampler_index must"),
    "scheduler": ({"scheduler": "karas"}, "unknown_scheduler", "scheduler must .* did you mean 'karras'"),
    "second pass's scheduler": ({"enable_hr": True, "hr_scheduler": "x"}, "unknown_scheduler", "hr_scheduler must"),
    "style": ({"styles": ["cinematic", "noir"]}, "unknown_style", "styles must .* got 'noir'; available: cinematic"),
    "VAE": ({"override_settings": {"sd_vae": "none.pt"}}, "unknown_vae", "override_settings.sd_vae must"),
    "part of a refiner's name": ({"refiner_checkpoint": "sd_xl"}, "unknown_checkpoint", "refiner_checkpoint must"),
    "part of a second pass's": (
        {"enable_hr": True, "hr_checkpoint_name": "base"},
        "unknown_checkpoint",
        "hr_checkpoint_name must",
    ),
}


@pytest.mark.parametrize(("named", "code", "says"), UNKNOWN.values(), ids=UNKNOWN)
async def test_fails_when_the_server_would_silently_take_another(named: dict[str, Any], code: str, says: str) -> None:
    async with bench("sdwebui") as one:
        error = await refusal(one, {**SMALL, **named})
    assert error.code == code
    with pytest.raises(BadTaskError, match=says):
        raise error


async def test_a_vae_that_was_uploaded_after_the_refresh_runs() -> None:
    async with bench("sdwebui") as one:
        await one.post("/_stand_in/models", {"vaes": ["new.pt"]})
        result = await one.run({**SMALL, "override_settings": {"sd_vae": "new.pt"}})
    assert result.description.response["info"]["sd_vae_name"] == "new.pt"


async def test_fails_when_forge_is_asked_for_a_vae_in_a1111s_way() -> None:
    vae = "vae-ft-mse.safetensors"
    async with bench("sdwebui", flavour="forge") as one:
        error = await refusal(one, {**SMALL, "override_settings": {"sd_vae": vae}})
        assert (error.code, "forge_additional_modules" in str(error)) == ("unknown_vae", True)
        error = await refusal(one, {**SMALL, "override_settings": {"forge_additional_modules": ["nonesuch.pt"]}})
        assert error.code == "unknown_module"
        assert (await one.run({**SMALL, "override_settings": {"forge_additional_modules": [f"/a/{vae}"]}})).files


async def test_names_are_not_validated_without_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choices, "_SAMPLERS", replace(choices._SAMPLERS, path="/sdapi/v1/nonesuch"))
    async with bench("sdwebui") as one:
        assert (await one.run({**SMALL, "sampler_name": "nonesuch"})).files


ENVIRONMENT = {
    **dict.fromkeys(
        ("AWS_REGION", "SQS_QUEUE_URL", "TASK_TABLE_NAME", "S3_BUCKET", "RUNTIME_NAME", "API_BASE_URL"), "x"
    ),
    "RUNTIME_TYPE": "sdwebui",
}


async def test_settings_say_which_checkpoints_the_runtime_serves() -> None:
    settings = Settings.from_environment(ENVIRONMENT | {"MODEL_FILENAME": "a.ckpt", "DYNAMIC_MODEL": "true"})
    assert (settings.model_filename, settings.dynamic_model) == ("a.ckpt", True)
    assert not Settings.from_environment(ENVIRONMENT | {"RUNTIME_TYPE": "comfyui"}).dynamic_model


@pytest.mark.parametrize("dynamic", [{}, {"DYNAMIC_MODEL": "false", "MODEL_FILENAME": ""}])
async def test_fails_when_a_web_ui_serves_no_checkpoint(dynamic: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="MODEL_FILENAME must be set for sdwebui, or DYNAMIC_MODEL be true"):
        Settings.from_environment(ENVIRONMENT | dynamic)
