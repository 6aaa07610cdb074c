import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import assertions
from aws_cdk import aws_ecr_assets as ecr_assets

from sd_on_eks.lambda_function.staging import StagingError
from sd_on_eks.runtime import image_contexts as image_contexts_module
from sd_on_eks.runtime.image_contexts import AGENT, image_context


def _assets(stack: cdk.Stack) -> list[str]:
    return [asset.node.id for asset in stack.node.find_all() if isinstance(asset, ecr_assets.DockerImageAsset)]


def test_images_are_shared_by_runtimes_of_a_type(cluster_stack: Callable[[dict[str, Any]], cdk.Stack]) -> None:
    names = ["one", "two", "three"]
    stack = cluster_stack({"modelsRuntime": [{"name": name, "type": "comfyui"} for name in names]})
    assert _assets(stack) == ["comfyui", "queue_agent"]


def test_images_are_not_built_without_a_runtime(cluster_stack: Callable[[dict[str, Any]], cdk.Stack]) -> None:
    assert _assets(cluster_stack({})) == []


def _image(**image: str) -> dict[str, Any]:
    return {"extraValues": {"runtime": {"inferenceApi": {"image": image}}}}


def test_images_built_in_the_account_need_no_docker(cluster_stack: Callable[[dict[str, Any]], cdk.Stack]) -> None:
    runtimes = [{"name": name, "type": "comfyui"} | _image(build="cloud") for name in ("one", "two")]
    stack = cluster_stack({"modelsRuntime": runtimes})
    assert _assets(stack) == ["queue_agent"]
    template = assertions.Template.from_stack(stack)
    template.resource_count_is("AWS::CodeBuild::Project", 1)
    template.resource_count_is("Custom::CDKContainerImageBuild", 1)


def test_images_that_exist_are_not_built(cluster_stack: Callable[[dict[str, Any]], cdk.Stack]) -> None:
    reference = "registry.example.com/comfyui@sha256:" + "0" * 64
    stack = cluster_stack({"modelsRuntime": [{"name": "one", "type": "comfyui"} | _image(reference=reference)]})
    assert _assets(stack) == ["queue_agent"]


def test_images_take_their_base_from_the_configured_registry(
    cluster_stack: Callable[[dict[str, Any]], cdk.Stack],
) -> None:
    registries = {"charts": "oci://registry.example.com/charts", "images": "registry.example.com/mirror"}
    runtimes = [{"name": "one", "type": "comfyui"}]
    stack = cluster_stack({"modelsRuntime": runtimes, "registries": registries})
    manifest = json.loads((Path(_synthesized(stack)) / "SdOnEKSStack.assets.json").read_text())
    arguments = [image["source"].get("dockerBuildArgs") for image in manifest["dockerImages"].values()]
    assert arguments == [{"BASE": "registry.example.com/mirror/docker/library/python:3.13"}] * 2


def _synthesized(stack: cdk.Stack) -> str:
    app = stack.node.root
    assert isinstance(app, cdk.App)
    return app.synth().directory


def test_agent_context_holds_the_agent_and_the_task_states(image_contexts: Path) -> None:
    (image_contexts / "queue_agent" / "src" / "__pycache__").mkdir(exist_ok=True)
    with image_context(AGENT, image_contexts) as context:
        assert (context / "Dockerfile").is_file()
        assert (context / "src" / "task_record" / "transitions.py").is_file()
        assert not list(context.rglob("__pycache__"))
    assert not context.exists()


def test_contexts_that_are_written_for_a_build_by_hand_hold_what_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["image_contexts", str(tmp_path)])
    assert image_contexts_module.main() == 0
    for context in tmp_path.iterdir():
        copied = re.findall(r"^COPY (?:--chmod=\d+ )?(.*) \S+$", (context / "Dockerfile").read_text(), re.MULTILINE)
        assert copied
        assert [file for line in copied for file in line.split() if not (context / file).exists()] == []
    assert {context.name for context in tmp_path.iterdir()} == {"queue_agent", "sdwebui", "comfyui"}


def test_agent_context_fails_when_the_agent_s_folder_is_missing(tmp_path: Path) -> None:
    with pytest.raises(StagingError, match="queue_agent: must be a folder"), image_context(AGENT, tmp_path):
        pass
