from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ecr_assets as ecr_assets

from sd_on_eks.agent_image import agent_context
from sd_on_eks.staging import StagingError


def _assets(stack: cdk.Stack) -> list[str]:
    return [asset.node.id for asset in stack.node.find_all() if isinstance(asset, ecr_assets.DockerImageAsset)]


def test_images_are_shared_by_runtimes_of_a_type(cluster_stack: Callable[[dict[str, Any]], cdk.Stack]) -> None:
    names = ["one", "two", "three"]
    stack = cluster_stack({"modelsRuntime": [{"name": name, "type": "comfyui"} for name in names]})
    assert _assets(stack) == ["QueueAgent", "comfyui"]


def test_images_are_not_built_without_a_runtime(cluster_stack: Callable[[dict[str, Any]], cdk.Stack]) -> None:
    assert _assets(cluster_stack({})) == []


def test_agent_context_holds_the_agent_and_the_task_states(image_contexts: Path) -> None:
    (image_contexts / "queue_agent" / "src" / "__pycache__").mkdir(exist_ok=True)
    with agent_context(image_contexts) as context:
        assert (context / "Dockerfile").is_file()
        assert (context / "src" / "task_record" / "transitions.py").is_file()
        assert not list(context.rglob("__pycache__"))
    assert not context.exists()


def test_agent_context_fails_when_the_agent_s_folder_is_missing(tmp_path: Path) -> None:
    with pytest.raises(StagingError, match="queue_agent is no folder"), agent_context(tmp_path):
        pass
