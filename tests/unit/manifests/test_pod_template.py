"""The keys of a runtime that change the template of its pods: only these replace pods."""

import json
import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from sd_on_eks.config.runtime import ModelsRuntime
from sd_on_eks.manifests.agent_container import AgentTargets
from sd_on_eks.manifests.deployment import PodImages, deployment
from sd_on_eks.manifests.model_volume import model_volume
from task_record.protocol_times import ProtocolTimes
from tests.unit.config.test_reference import FIELDS, models_in

PAGE = (Path(__file__).parents[3] / "docs" / "upgrades.md").read_text(encoding="utf-8")
RUNTIME = {
    "name": "sd",
    "type": "sdwebui",
    "modelFilename": "a.safetensors",
    "extraValues": {
        "karpenter": {"provisioner": {"budgets": [{"nodes": "1"}]}},
        "runtime": {
            "tolerations": [{"key": "a"}],
            "scaling": {"schedules": [{"timezone": "UTC", "start": "0 8 * * *", "end": "0 9 * * *", "replicas": 1}]},
        },
    },
}
PODS_ARE_REPLACED: dict[str, Any] = {
    "name": "other",
    "namespace": "studio",
    "type": "comfyui",
    "modelFilename": "b.safetensors",
    "dynamicModel": True,
    "longestTask": 100,
    "extraValues.karpenter.provisioner.capacityTypes": ["on-demand"],
    "extraValues.runtime.labels": {"team": "art"},
    "extraValues.runtime.annotations": {"note": "hello"},
    "extraValues.runtime.tolerations[].key": "b",
    "extraValues.runtime.tolerations[].operator": "Exists",
    "extraValues.runtime.tolerations[].value": "c",
    "extraValues.runtime.tolerations[].effect": "NoExecute",
    "extraValues.runtime.inferenceApi.image.build": "cloud",
    "extraValues.runtime.inferenceApi.image.reference": "registry.example.com/a@sha256:" + "1" * 64,
    "extraValues.runtime.inferenceApi.args": ["--medvram"],
    "extraValues.runtime.inferenceApi.command": ["python3", "main.py"],
    "extraValues.runtime.inferenceApi.env": {"A": "b"},
    "extraValues.runtime.inferenceApi.resources.requests.cpu": "3",
    "extraValues.runtime.inferenceApi.resources.requests.memory": "11Gi",
    "extraValues.runtime.inferenceApi.resources.limits.cpu": "3",
    "extraValues.runtime.inferenceApi.resources.limits.memory": "12Gi",
    "extraValues.runtime.inferenceApi.imageMetadata": False,
    "extraValues.runtime.inferenceApi.scratchSizeGib": 30,
    "extraValues.runtime.inferenceApi.sharedMemoryGib": 4,
    "extraValues.runtime.queueAgent.image.build": "cloud",
    "extraValues.runtime.queueAgent.image.reference": "registry.example.com/a@sha256:" + "1" * 64,
    "extraValues.runtime.queueAgent.env": {"A": "b"},
    "extraValues.runtime.queueAgent.maxInputMb": 200,
    "extraValues.runtime.queueAgent.resources.requests.cpu": "300m",
    "extraValues.runtime.queueAgent.resources.requests.memory": "300Mi",
    "extraValues.runtime.queueAgent.resources.limits.cpu": "1",
    "extraValues.runtime.queueAgent.resources.limits.memory": "1Gi",
    "extraValues.runtime.persistence.modelBucketArn": "arn:aws:s3:::other-models",
    "extraValues.runtime.persistence.prefix": "checkpoints/",
    "extraValues.runtime.persistence.existingClaim": "fsx",
    "extraValues.runtime.persistence.cacheSizeGib": 100,
    "extraValues.runtime.persistence.throughputGbps": 25,
}
"""Another value of each key that affects the pod template."""

OF_WORKFLOWS = ("extraValues.runtime.queueAgent.maxInputMb",)
"""Keys that mean something for comfyui alone."""

PODS_STAY: dict[str, Any] = {
    "retired": True,
    "interruptible": True,
    "backlogLimit": 100,
    "extraValues.karpenter.provisioner.instanceTypes": ["g6.xlarge"],
    "extraValues.karpenter.provisioner.instanceFamilies": ["g6"],
    "extraValues.karpenter.provisioner.capacityReservationIds": ["cr-0123456789abcdef0"],
    "extraValues.karpenter.provisioner.gpuLimit": 3,
    "extraValues.karpenter.provisioner.expireAfter": "48h",
    "extraValues.karpenter.provisioner.consolidateAfter": "5m",
    "extraValues.karpenter.provisioner.budgets[].nodes": "2",
    "extraValues.karpenter.provisioner.budgets[].reasons": ["Drifted"],
    "extraValues.karpenter.provisioner.budgets[].schedule": "@daily",
    "extraValues.karpenter.provisioner.budgets[].duration": "10h",
    "extraValues.karpenter.nodeTemplate.diskSizeGib": 300,
    "extraValues.karpenter.nodeTemplate.diskThroughputMibS": 250,
    "extraValues.karpenter.nodeTemplate.diskIops": 4000,
    "extraValues.karpenter.nodeTemplate.nvmeAndSoci": False,
    "extraValues.karpenter.nodeTemplate.snapshotId": "snap-0123456789abcdef0",
    "extraValues.karpenter.nodeTemplate.volumeInitializationRateMibS": 200,
    "extraValues.runtime.scaling.minReplicaCount": 1,
    "extraValues.runtime.scaling.maxReplicaCount": 9,
    "extraValues.runtime.scaling.typicalTask": 30,
    "extraValues.runtime.scaling.queueLength": 4,
    "extraValues.runtime.scaling.pollingInterval": 30,
    "extraValues.runtime.scaling.cooldownPeriod": 600,
    "extraValues.runtime.scaling.behavior.scaleUp.stabilizationWindowSeconds": 30,
    "extraValues.runtime.scaling.behavior.scaleUp.pods": 2,
    "extraValues.runtime.scaling.behavior.scaleUp.periodSeconds": 30,
    "extraValues.runtime.scaling.behavior.scaleDown.stabilizationWindowSeconds": 30,
    "extraValues.runtime.scaling.behavior.scaleDown.pods": 2,
    "extraValues.runtime.scaling.behavior.scaleDown.periodSeconds": 30,
    "extraValues.runtime.scaling.schedules[].timezone": "Europe/Berlin",
    "extraValues.runtime.scaling.schedules[].start": "0 7 * * *",
    "extraValues.runtime.scaling.schedules[].end": "0 10 * * *",
    "extraValues.runtime.scaling.schedules[].replicas": 2,
    "extraValues.runtime.inferenceApi.imageSizeGib": 20,
}
"""Another value of each key of the API, the scaling and the nodes, which pods are not replaced for."""


def template(runtime_data: dict[str, Any]) -> Any:
    """The pods' template, with names in place of what other constructs make."""
    runtime = ModelsRuntime.model_validate_json(json.dumps(runtime_data))
    pod = runtime.extra_values.runtime
    bucket_arn = pod.persistence.model_bucket_arn or "arn:aws:s3:::models"
    _, claim_name = model_volume(
        runtime, bucket_name=bucket_arn.rpartition(":")[2], region="us-east-1", resolve=lambda value: value
    )
    targets = AgentTargets(
        region="us-east-1",
        queue_url="queue",
        table_name="tasks",
        bucket_name="output",
        metrics_log_group="metrics",
        metrics_namespace="SdOnEks",
        input_bucket_names=(),
        times=ProtocolTimes(),
    )
    images = PodImages(
        agent=pod.queue_agent.image.reference or f"agent, built {pod.queue_agent.image.build}",
        runtime=pod.inference_api.image.reference or f"{runtime.type}, built {pod.inference_api.image.build}",
    )
    made: Any = deployment(runtime=runtime, images=images, targets=targets, claim_name=claim_name)
    return made["spec"]["template"]


def unchanged(path: str) -> dict[str, Any]:
    """A runtime of the type that has this key."""
    return {**RUNTIME, "type": "comfyui"} if path in OF_WORKFLOWS else RUNTIME


def changed(path: str, value: object) -> dict[str, Any]:
    """The same with another value of one key."""
    data: dict[str, Any] = deepcopy(unchanged(path))
    part = data
    *sections, key = path.split(".")
    for section in sections:
        name = section.removesuffix("[]")
        part = part[name][0] if section != name else part.setdefault(name, {})
    part[key] = value
    assert data != unchanged(path)
    return data


def test_every_key_of_a_runtime_is_listed_once() -> None:
    prefix = "modelsRuntime[]."
    plain = {path for path, field in FIELDS.items() if not list(models_in(field.annotation))}
    keys = sorted(path.removeprefix(prefix) for path in plain if path.startswith(prefix))
    assert sorted([*PODS_ARE_REPLACED, *PODS_STAY]) == keys


@pytest.mark.parametrize("path", PODS_ARE_REPLACED)
def test_change_of_a_pod_key_replaces_pods(path: str) -> None:
    assert template(changed(path, PODS_ARE_REPLACED[path])) != template(unchanged(path))


@pytest.mark.parametrize("path", PODS_STAY)
def test_change_of_another_key_replaces_no_pod(path: str) -> None:
    assert template(changed(path, PODS_STAY[path])) == template(RUNTIME)


def test_page_lists_the_keys_that_replace_no_pod() -> None:
    section = PAGE[PAGE.index("## Keys that replace pods") :].split("\n## ")[0]
    listed = re.findall(r"^- `([\w.\[\]*]+)`", section, re.MULTILINE)
    assert listed
    patterns = [re.compile(re.escape(one).replace(r"\*", ".*")) for one in listed]
    matched = {path: [one.pattern for one in patterns if one.fullmatch(path)] for path in PODS_STAY}
    exceptions = re.findall(r"except `([\w.]+)`", section)
    replaced = [path for path in PODS_ARE_REPLACED if any(one.fullmatch(path) for one in patterns)]
    assert [path for path, found in matched.items() if not found] == []
    assert replaced == [path for path in PODS_ARE_REPLACED if path.rpartition(".")[2] in exceptions]
