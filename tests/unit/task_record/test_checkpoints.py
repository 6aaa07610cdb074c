"""The checkpoint of a task, and settings in the wrong place."""

from typing import Any

import pytest

from task_record.checkpoints import CheckpointError, checkpoint_of, with_checkpoint, with_settings_in_place
from task_record.runtime_types import TASK_TYPES

OWN = "sd15/base.safetensors"
PLACES = ("override_settings", "alwayson_scripts", "alwayson_scripts.override_settings")


def naming(checkpoint: Any, place: str) -> dict[str, Any]:
    """A request body with a checkpoint in one field."""
    body: Any = {"sd_model_checkpoint": checkpoint}
    for key in reversed(place.split(".")):
        body = {key: body}
    return {"prompt": "x", **body}


def decide(content: dict[str, Any], own: str | None = OWN, *, dynamic: bool = False) -> str | None:
    return checkpoint_of("text-to-image", content, model_filename=own, dynamic_model=dynamic)


@pytest.mark.parametrize("tasktype", TASK_TYPES)
def test_what_makes_an_image_with_a_model_has_a_checkpoint(tasktype: str) -> None:
    decided = checkpoint_of(tasktype, {}, model_filename=OWN, dynamic_model=True)
    assert decided == (OWN if tasktype in {"text-to-image", "image-to-image"} else None)


@pytest.mark.parametrize("place", PLACES)
def test_a_task_runs_the_checkpoint_that_it_names(place: str) -> None:
    assert decide(naming("other.ckpt", place), dynamic=True) == "other.ckpt"
    assert decide(naming("other.ckpt", place), None, dynamic=True) == "other.ckpt"


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("named", [OWN, "base", "base.safetensors", "sd15/base [31e35c80fc]", "sd15\\base.safetensors"])
def test_every_spelling_of_a_runtimes_own_checkpoint_means_it(named: str, place: str) -> None:
    assert decide(naming(named, place)) == OWN


@pytest.mark.parametrize("nothing", [None, ""])
def test_a_task_that_names_none_runs_the_runtimes_own(nothing: Any) -> None:
    assert decide(naming(nothing, "override_settings")) == OWN
    assert decide(naming(nothing, "override_settings"), dynamic=True) == OWN


@pytest.mark.parametrize("odd", [[], "x", 7, None])
def test_settings_that_are_none_name_none(odd: Any) -> None:
    assert decide({"override_settings": odd, "alwayson_scripts": odd}) == OWN


@pytest.mark.parametrize("place", PLACES)
def test_fails_when_a_fixed_runtime_is_asked_for_another(place: str) -> None:
    with pytest.raises(
        CheckpointError, match=r"^must be sd15/base.safetensors, or left out: .* got 'b.ckpt'$"
    ) as error:
        decide(naming("b.ckpt", place))
    assert (error.value.field, error.value.is_missing) == (f"{place}.sd_model_checkpoint", False)


def test_fails_when_a_runtime_without_its_own_is_asked_for_none() -> None:
    with pytest.raises(CheckpointError, match="^must name a checkpoint") as error:
        decide({}, None, dynamic=True)
    assert (error.value.field, error.value.is_missing) == ("override_settings.sd_model_checkpoint", True)


@pytest.mark.parametrize("dynamic", [True, False])
def test_fails_when_two_are_named(dynamic: bool) -> None:
    body = naming("a.ckpt", "override_settings") | naming("b.ckpt", "alwayson_scripts")
    with pytest.raises(
        CheckpointError, match="^must be the same as override_settings.sd_model_checkpoint, got 'b.ckpt' and 'a.ckpt'$"
    ):
        decide(body, dynamic=dynamic)


@pytest.mark.parametrize("turned", [False, True])
def test_of_two_spellings_the_one_that_says_more_counts(turned: bool) -> None:
    names = ("base", "sdxl/base.safetensors")[:: -1 if turned else 1]
    body = naming(names[0], "override_settings") | naming(names[1], "alwayson_scripts")
    assert decide(body, dynamic=True) == "sdxl/base.safetensors"


@pytest.mark.parametrize("odd", [7, ["a"], "x" * 513, " ", " [31e35c80fc]"])
def test_fails_when_what_is_named_is_no_name(odd: Any) -> None:
    with pytest.raises(CheckpointError, match="^must be the name of a checkpoint"):
        decide(naming(odd, "override_settings"), dynamic=True)


def test_settings_among_the_scripts_are_moved_to_where_the_server_takes_them() -> None:
    scripts = {"sd_vae": "v.pt", "override_settings": {"CLIP_stop_at_last_layers": 2}, "ControlNet": {"args": []}}
    moved = with_settings_in_place({"prompt": "x", "override_settings": {"a": 1}, "alwayson_scripts": scripts})
    assert moved == {
        "prompt": "x",
        "override_settings": {"a": 1, "CLIP_stop_at_last_layers": 2, "sd_vae": "v.pt"},
        "alwayson_scripts": {"ControlNet": {"args": []}},
    }
    assert with_settings_in_place(moved) is moved


@pytest.mark.parametrize(
    "empty", [{"sd_vae": None}, {"sd_vae": ""}, {"override_settings": None}, {"override_settings": {}}]
)
def test_settings_that_are_empty_say_nothing(empty: dict[str, Any]) -> None:
    body = {"override_settings": {"sd_vae": "v.pt"}, "alwayson_scripts": empty}
    assert with_settings_in_place(body) == {"override_settings": {"sd_vae": "v.pt"}, "alwayson_scripts": {}}


@pytest.mark.parametrize(
    ("scripts", "field"),
    [
        ({"sd_vae": "b.pt"}, "alwayson_scripts.sd_vae"),
        ({"override_settings": {"sd_vae": "b.pt"}}, "alwayson_scripts.override_settings.sd_vae"),
    ],
)
def test_fails_when_a_setting_has_two_values(scripts: dict[str, Any], field: str) -> None:
    body = {"override_settings": {"sd_vae": "a.pt"}, "alwayson_scripts": scripts}
    with pytest.raises(
        CheckpointError, match="must be the same as override_settings.sd_vae, got 'b.pt' and 'a.pt'"
    ) as error:
        with_settings_in_place(body)
    assert error.value.field == field


def test_a_moved_checkpoint_is_the_one_that_was_decided() -> None:
    body = naming("base", "override_settings") | naming("sdxl/base.ckpt", "alwayson_scripts.override_settings")
    moved = with_settings_in_place(body)
    assert moved["override_settings"] == {"sd_model_checkpoint": "sdxl/base.ckpt"}
    assert decide(dict(moved), dynamic=True) == decide(body, dynamic=True) == "sdxl/base.ckpt"


@pytest.mark.parametrize("settings", [None, {}, {"sd_vae": "v.pt", "sd_model_checkpoint": "a"}])
def test_a_checkpoint_is_put_where_the_server_takes_it(settings: Any) -> None:
    body = with_checkpoint({"prompt": "x", "override_settings": settings}, "b")
    assert body["override_settings"] == {**(settings or {}), "sd_model_checkpoint": "b"}
