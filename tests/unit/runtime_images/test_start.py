"""The start scripts: address, arguments and model folders of the server."""

import json
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
import yaml

from task_record.model_folders import COMFYUI, FOLDERS_WITHOUT_CHECKPOINTS, ROOT, SDWEBUI
from tests.fakes.runtime_container import PROGRAMS, RuntimeContainer

pytestmark = pytest.mark.xdist_group("start_scripts")  # so that each server is started once

SDWEBUI_KINDS: Final = """
    Stable-diffusion embeddings VAE Lora LyCORIS hypernetworks ControlNet ESRGAN RealESRGAN DAT HAT ScuNET SwinIR LDSR
    GFPGAN Codeformer VAE-approx VAE-taesd CLIP BLIP torch_deepdanbooru karlo midas opencv
"""
"""Model subfolders of AUTOMATIC1111 1.10.1 and sd-webui-controlnet 1.1.455; read on 2026-11-29."""

COMFYUI_KINDS: Final = """
    checkpoints configs loras vae text_encoders diffusion_models clip_vision style_models embeddings diffusers
    vae_approx controlnet gligen upscale_models latent_upscale_models hypernetworks photomaker classifiers
    model_patches audio_encoders background_removal frame_interpolation geometry_estimation optical_flow detection
"""
"""Model types in `folder_paths` of ComfyUI 0.33.0; read on 2026-11-29."""

EXISTING_SOLUTION: Final = """
    CLIP Codeformer ControlNet ESRGAN GFPGAN LDSR Lora RealESRGAN ScuNET Stable-diffusion SwinIR VAE VAE-approx
    embeddings hypernetworks
"""
"""Folders of the model bucket of the existing solution on Amazon EKS, as its guide lists them."""

FOLDERS: Final = sorted({folder for one in SDWEBUI.values() for folder in one.folders} | set(sum(COMFYUI.values(), ())))


class Started(NamedTuple):
    """A server that was started with a file in each folder of the bucket, and has exited."""

    container: RuntimeContainer
    arguments: list[str]
    bound: str


def start(container: RuntimeContainer, *arguments: str, **environment: str) -> Started:
    command = [*container.command, *arguments]
    with container.started(command, container.environment(STAND_IN="ends", **environment)) as process:
        process.wait()
    note = container.notes()[-1]
    return Started(container, note["arguments"], note["bound"])


def fill(models: Path, folders: Sequence[str]) -> None:
    for folder in folders:
        (models / folder).mkdir(parents=True, exist_ok=True)
        (models / folder / file_of(folder)).touch()


def file_of(folder: str) -> str:
    return f"of-{folder.replace('/', '-')}.safetensors"


def value(arguments: Sequence[str], name: str) -> str:
    """Value of an argument. As in argparse, the last one takes precedence."""
    return arguments[len(arguments) - arguments[::-1].index(name)]


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Started]:
    """The server of each image, with user arguments that would open it to the network."""
    found = {}
    for name in PROGRAMS:
        container = RuntimeContainer(name, tmp_path_factory.mktemp(name))
        fill(container.models, FOLDERS)
        user = {"sdwebui": ["--medvram", "--listen"], "comfyui": ["--lowvram", "--listen", "::"]}[name]
        found[name] = start(
            container,
            *user,
            IMAGE_METADATA="false",
            MODEL_FILENAME="of-Stable-diffusion.safetensors",
            COMMANDLINE_ARGS="--xformers --server-name 0.0.0.0\n--lora-dir '/models/a b'",
        )
    return found


@pytest.mark.parametrize("name", PROGRAMS)
def test_server_listens_on_loopback_only_with_any_arguments(started: dict[str, Started], name: str) -> None:
    assert started[name].bound == "127.0.0.1"


def test_arguments_of_the_launchers_variable_come_before_those_of_the_pod(started: dict[str, Started]) -> None:
    arguments = started["sdwebui"].arguments
    assert "--xformers" in arguments
    assert value(arguments, "--server-name") == "127.0.0.1"


def test_arguments_of_the_launchers_variable_are_read_as_the_launcher_does(started: dict[str, Started]) -> None:
    assert value(started["sdwebui"].arguments, "--lora-dir") == "/models/a b"


@pytest.mark.parametrize(("name", "argument"), [("sdwebui", "--medvram"), ("comfyui", "--lowvram")])
def test_arguments_of_the_configuration_reach_the_server(started: dict[str, Started], name: str, argument: str) -> None:
    assert argument in started[name].arguments


def test_kinds_of_the_pinned_servers_are_mapped() -> None:
    assert SDWEBUI.keys() >= set(SDWEBUI_KINDS.split())
    assert COMFYUI.keys() >= set(COMFYUI_KINDS.split())


def sdwebui_finds(started: Started, kind: str) -> set[str]:
    """File names of a model type that the SD Web UI finds when it walks its folders."""
    data = started.container.scratch / "data"
    own = data / "models" / kind
    if kind == "ControlNet":
        return {
            file for folder in (own, Path(settings(started)["control_net_models_path"])) for file in stat_all(folder)
        }
    arguments = {"Stable-diffusion": "--ckpt-dir", "embeddings": "--embeddings-dir", "VAE": "--vae-dir"}
    further = [Path(value(started.arguments, arguments[kind]))] if kind in arguments else []
    # Forge follows no links inside these two. The server opens the others by their path in the folder.
    follows = SDWEBUI[kind].way != "is" and kind != "text_encoder"
    is_flat = SDWEBUI[kind].way == "files"
    return {
        name
        for folder in (own, *further)
        for parent, _, names in os.walk(folder, followlinks=follows)
        for name in names
        if Path(parent, name).exists() and (not is_flat or Path(parent) == folder)
    }


def stat_all(folder: Path) -> Iterator[str]:
    """The files that ControlNet finds. A broken link fails, as in `traverse_all_files`."""
    for entry in os.scandir(folder) if folder.exists() else ():
        if stat.S_ISDIR(entry.stat().st_mode):
            yield from stat_all(Path(entry.path))
        else:
            yield entry.name


@pytest.mark.parametrize("kind", SDWEBUI)
def test_sdwebui_finds_every_kind_in_each_of_its_folders(started: dict[str, Started], kind: str) -> None:
    expected = {file_of(folder) for folder in SDWEBUI[kind].folders if folder != ROOT}
    assert expected <= sdwebui_finds(started["sdwebui"], kind)


def comfyui_finds(started: Started) -> dict[str, set[str]]:
    """File names of each model type that ComfyUI finds with its path file, parsed as in `utils/extra_config.py`."""
    file = Path(value(started.arguments, "--extra-model-paths-config"))
    (section,) = yaml.safe_load(file.read_text()).values()
    base = section.pop("base_path").replace("$MODELS_DIR", str(started.container.models))
    return {
        kind: {
            name
            for folder in lines.split("\n")
            if folder
            for _, _, names in os.walk(Path(base, folder), followlinks=True)
            for name in names
        }
        for kind, lines in section.items()
    }


def test_comfyui_finds_every_kind_in_each_of_its_folders(started: dict[str, Started]) -> None:
    found = comfyui_finds(started["comfyui"])
    for kind, folders in COMFYUI.items():
        assert {file_of(folder) for folder in folders if folder != ROOT} <= found[kind], kind


def test_bucket_of_the_existing_solution_reaches_both_servers(started: dict[str, Started]) -> None:
    by_sdwebui = set().union(*(sdwebui_finds(started["sdwebui"], kind) for kind in SDWEBUI))
    by_comfyui = set().union(*comfyui_finds(started["comfyui"]).values())
    assert {file_of(folder) for folder in EXISTING_SOLUTION.split()} <= by_sdwebui & by_comfyui


def test_controlnet_starts_without_the_folders_of_its_models(empty: Started) -> None:
    (empty.container.models / "ControlNet").mkdir()
    (empty.container.models / "ControlNet" / "later.pth").touch()
    assert sdwebui_finds(empty, "ControlNet") == {"later.pth"}


def test_models_that_tasks_name_are_found_as_soon_as_they_are_uploaded(started: dict[str, Started]) -> None:
    container = started["sdwebui"].container
    for kind, (way, folders) in SDWEBUI.items():
        if way != "files":
            (container.models / folders[0] / "new").mkdir(exist_ok=True)
            (container.models / folders[0] / "new" / "new.safetensors").touch()
            assert "new.safetensors" in sdwebui_finds(started["sdwebui"], kind), kind


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Started:
    """The SD Web UI, started on an empty bucket."""
    return start(RuntimeContainer("sdwebui", tmp_path_factory.mktemp("empty")), MODEL_FILENAME="missing.safetensors")


def test_folders_that_the_bucket_gets_later_are_found(empty: Started) -> None:
    live = [kind for kind, one in SDWEBUI.items() if one.way in {"is", "holds"}]
    fill(empty.container.models, [folder for kind in live for folder in SDWEBUI[kind].folders])
    for kind in live:
        assert {file_of(folder) for folder in SDWEBUI[kind].folders} <= sdwebui_finds(empty, kind), kind


def test_model_that_is_missing_is_not_replaced_by_another(empty: Started) -> None:
    assert "--skip-load-model-at-start" in empty.arguments
    assert "--ckpt" not in empty.arguments


def test_name_that_two_folders_have_means_the_file_of_the_kinds_own_and_ends_no_start(tmp_path: Path) -> None:
    container = RuntimeContainer("sdwebui", tmp_path)
    fill(container.models, ["CLIP/folder-there", "clip"])
    for place in ("CLIP/same.pt", "clip/same.pt", "clip/folder-there"):
        (container.models / place).touch()
    start(container)
    linked = container.scratch / "data" / "models" / "CLIP"
    assert (linked / "same.pt").samefile(container.models / "CLIP" / "same.pt")
    assert (linked / file_of("clip")).exists()


def test_server_that_is_started_again_keeps_what_it_downloaded(empty: Started) -> None:
    downloaded = empty.container.scratch / "data" / "models" / "GFPGAN" / "downloaded.pth"
    downloaded.touch()
    start(empty.container)
    assert downloaded.exists()


@pytest.mark.parametrize(
    ("file", "named"),
    [
        ("base.safetensors", "base.safetensors"),
        ("checkpoints/sdxl/base [v1].ckpt", "sdxl/base [v1].ckpt"),
        pytest.param("sdxl/base.safetensors", "sdxl/base.safetensors", marks=pytest.mark.soak),
        pytest.param("Stable-diffusion/base.safetensors", "base.safetensors", marks=pytest.mark.soak),
        ("Stable-diffusion/sdxl/base.safetensors", ""),
        ("elsewhere/base [v1].safetensors", "base [v1]"),
    ],
)
def test_model_at_start_is_the_named_one_or_any_checkpoint(tmp_path: Path, file: str, named: str) -> None:
    container = RuntimeContainer("sdwebui", tmp_path)
    fill(container.models, ["ControlNet"])
    (container.models / file).parent.mkdir(parents=True, exist_ok=True)
    (container.models / file).touch()
    arguments = start(container, MODEL_FILENAME=named).arguments
    assert value(arguments, "--ckpt") == str(container.models / file)
    assert "--skip-load-model-at-start" not in arguments


def test_model_at_start_is_none_of_two_that_the_name_fits(tmp_path: Path) -> None:
    container = RuntimeContainer("sdwebui", tmp_path)
    fill(container.models, ["a", "b"])
    for folder in "ab":
        (container.models / folder / "base.safetensors").touch()
    arguments = start(container, MODEL_FILENAME="base.safetensors").arguments
    assert "--skip-load-model-at-start" in arguments
    assert "--ckpt" not in arguments


def test_image_has_the_folder_that_the_server_makes_beside_its_code() -> None:
    # The root file system is read-only, and the folder has no argument.
    dockerfile = (Path(__file__).parents[3] / "runtime_images/sdwebui/Dockerfile").read_text()
    assert "RUN mkdir --parents /opt/sdwebui/config_states\n" in dockerfile


def test_folders_without_checkpoints_are_those_of_other_kinds() -> None:
    assert {"Lora", "loras", "VAE", "embeddings", "ControlNet", "ultralytics/bbox"} < FOLDERS_WITHOUT_CHECKPOINTS
    assert not {ROOT, "Stable-diffusion", "checkpoints", "diffusion_models", "unet"} & FOLDERS_WITHOUT_CHECKPOINTS


def settings(started: Started) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((started.container.scratch / "data" / "config.json").read_text())
    return found


def test_metadata_in_images_is_switched_off_in_both_servers(started: dict[str, Started], empty: Started) -> None:
    assert "--disable-metadata" in started["comfyui"].arguments
    assert (settings(started["sdwebui"])["enable_pnginfo"], settings(empty)["enable_pnginfo"]) == (False, True)
