"""Variables that the stack sets in containers and that a configuration must not override."""

import json
from typing import Any

import pytest

from sd_on_eks.config.config import Config
from sd_on_eks.config.errors import ConfigError
from sd_on_eks.config.loader import parse_config
from sd_on_eks.manifests.agent_container import AgentTargets, agent_container
from sd_on_eks.manifests.runtime_container import _CACHE_DIRS, runtime_container


def config(pod: dict[str, Any], *, runtime_type: str = "sdwebui") -> str:
    model = {"modelFilename": "x"} if runtime_type == "sdwebui" else {}
    runtime = {"name": "a", "type": runtime_type, "extraValues": {"runtime": pod}} | model
    return json.dumps({"modelsRuntime": [runtime]})


def agent_targets(loaded: Config) -> AgentTargets:
    return AgentTargets(
        **dict.fromkeys(("region", "queue_url", "table_name", "bucket_name", "metrics_log_group"), "x"),
        metrics_namespace="x",
        input_bucket_names=loaded.input_bucket_names,
        times=loaded.task_protocol.times,
    )


def variables() -> list[tuple[str, str]]:
    """Of both types of runtimes, and with each setting that brings a variable of its own."""
    image = {"reference": f"registry.example/sd@sha256:{64 * '1'}"}
    found: dict[tuple[str, str], None] = {}
    for runtime_type in ("sdwebui", "comfyui"):
        pod = {"inferenceApi": {"image": image, "imageMetadata": False}}
        loaded = parse_config(config(pod, runtime_type=runtime_type), "config.yaml")
        (runtime,) = loaded.models_runtime
        containers: dict[str, Any] = {
            "queueAgent": agent_container(runtime=runtime, image="x", targets=agent_targets(loaded)),
            "inferenceApi": runtime_container(runtime=runtime, image="x"),
        }
        found |= {(key, one["name"]): None for key, container in containers.items() for one in container["env"]}
    return list(found)


@pytest.mark.parametrize(("container", "variable"), [one for one in variables() if one[1] not in _CACHE_DIRS])
def test_variable_that_the_stack_sets_is_rejected(container: str, variable: str) -> None:
    with pytest.raises(ConfigError, match=f"env.{variable}: must (not be set|be empty).*: the stack sets it"):
        parse_config(config({container: {"env": {variable: "x"}}}), "config.yaml")


def test_metrics_are_disabled_by_an_empty_log_group() -> None:
    loaded = parse_config(config({"queueAgent": {"env": {"METRICS_LOG_GROUP": ""}}}), "config.yaml")
    container: Any = agent_container(runtime=loaded.models_runtime[0], image="x", targets=agent_targets(loaded))
    assert {"name": "METRICS_LOG_GROUP", "value": ""} in container["env"]
