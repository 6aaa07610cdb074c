"""The EKS platform in a separate stack: everything else is imported, so every resource belongs to the EKS platform."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import assertions
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from sd_on_eks.config.config import Config
from sd_on_eks.eks_platform import EksPlatform
from sd_on_eks.runtime.agent_metrics import AgentMetrics
from tests.synth.synthesis import filled
from tests.synth.template_references import references

CONFIG = {
    "clusterComponents": {"instanceType": "t4g.large", "desiredCount": 2},
    "gpuNodeGroups": [{"name": "warm", "instanceTypes": ["g5.2xlarge"], "size": 0}],
    "modelsRuntime": [
        {
            "name": "sd",
            "namespace": "studio",
            "type": "sdwebui",
            "modelFilename": "v1-5.safetensors",
            "extraValues": {
                "runtime": {
                    "labels": {"team": "art"},
                    "annotations": {"note": "hello"},
                    "scaling": {"minReplicaCount": 0, "maxReplicaCount": 3, "queueLength": 7},
                },
                "karpenter": {"provisioner": {"gpuLimit": 4}},
            },
        },
        {
            "name": "comfy",
            "type": "comfyui",
            "extraValues": {"karpenter": {"provisioner": {"capacityTypes": ["on-demand"]}}},
        },
    ],
}


@pytest.fixture(scope="session")
def image_contexts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build contexts small enough to hash at once."""
    root = tmp_path_factory.mktemp("runtime_images")
    (root / "shared").mkdir()
    for name in ("queue_agent", "sdwebui", "comfyui"):
        (root / name / "src").mkdir(parents=True)
        (root / name / "Dockerfile").write_text(
            "ARG BASE=public.ecr.aws/docker/library/python:3.13\nFROM ${BASE}\n", encoding="utf-8"
        )
    return root


@pytest.fixture(scope="session")
def cluster_stack(synth_app: Callable[[], cdk.App], image_contexts: Path) -> Callable[[dict[str, Any]], cdk.Stack]:
    """Make an app with the EKS platform of a configuration."""

    def make(config_data: dict[str, Any]) -> cdk.Stack:
        config = Config.model_validate_json(json.dumps(config_data))
        stack = cdk.Stack(synth_app(), "SdOnEKSStack", stack_name=config.stack_name)
        side = EksPlatform(
            stack,
            config=config,
            model_bucket=s3.Bucket.from_bucket_name(stack, "Models", "models"),
            image_contexts=image_contexts,
        )
        metrics = AgentMetrics(stack, "AgentMetrics")
        runtimes = Construct(stack, "Runtimes")
        for runtime in config.models_runtime:
            scope = Construct(runtimes, runtime.name)
            side.add_runtime(
                scope,
                runtime=runtime,
                queue=sqs.Queue.from_queue_arn(
                    scope, "Queue", stack.format_arn(service="sqs", resource=f"queue-{runtime.name}")
                ),
                table=dynamodb.Table.from_table_name(scope, "Table", "tasks"),
                output_bucket=s3.Bucket.from_bucket_name(scope, "Output", "output"),
                metrics=metrics,
                agent_role=iam.Role.from_role_name(scope, "AgentRole", f"agent-{runtime.name}"),
            )
        return stack

    return make


@pytest.fixture(scope="session")
def full_stack(cluster_stack: Callable[[dict[str, Any]], cdk.Stack]) -> Callable[[], cdk.Stack]:
    """Make an app with the EKS platform of `CONFIG`."""
    return lambda: cluster_stack(CONFIG)


@pytest.fixture(scope="session")
def template(full_stack: Callable[[], cdk.Stack]) -> assertions.Template:
    """The template of `CONFIG`, synthesized once."""
    return assertions.Template.from_stack(full_stack())


@pytest.fixture(scope="session")
def resources(template: assertions.Template) -> dict[str, dict[str, Any]]:
    """Its resources by logical id."""
    found: dict[str, dict[str, Any]] = template.to_json()["Resources"]
    return found


@pytest.fixture(scope="session")
def fill() -> Callable[[object], str]:
    """Text of a property, with a plausible value in place of each token."""
    return filled


@pytest.fixture(scope="session")
def manifests(resources: dict[str, dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The Kubernetes objects in each manifest resource, in the order in which they are applied."""
    return _manifests(resources)


def _manifests(resources: dict[str, dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    return {
        logical_id: json.loads(filled(resource["Properties"]["Manifest"]))
        for logical_id, resource in resources.items()
        if resource["Type"] == "Custom::AWSCDK-EKS-KubernetesResource"
    }


@pytest.fixture(scope="session")
def objects_of(
    cluster_stack: Callable[[dict[str, Any]], cdk.Stack],
) -> Callable[[dict[str, Any]], dict[tuple[str, str], dict[str, Any]]]:
    """Synthesize a configuration and find its Kubernetes objects by kind and name."""

    def make(config_data: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
        resources = assertions.Template.from_stack(cluster_stack(config_data)).to_json()["Resources"]
        return {
            (one["kind"], one["metadata"]["name"]): one
            for manifest in _manifests(resources).values()
            for one in manifest
        }

    return make


@pytest.fixture(scope="session")
def objects(manifests: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """All Kubernetes objects of the template."""
    return [one for manifest in manifests.values() for one in manifest]


@pytest.fixture(scope="session")
def kubernetes_object(objects: list[dict[str, Any]]) -> Callable[[str, str], dict[str, Any]]:
    """Find an object by its kind and the runtime's name; of two node pools the preferred one."""

    def find(kind: str, runtime: str) -> dict[str, Any]:
        (found,) = [
            one
            for one in objects
            if one["kind"] == kind
            and one["metadata"]["labels"].get("app.kubernetes.io/instance") == runtime
            and not one["metadata"]["name"].endswith("-fallback")
        ]
        return found

    return find


@pytest.fixture(scope="session")
def comes_after(resources: dict[str, dict[str, Any]]) -> Callable[[str, str], bool]:
    """Whether a resource is created after another one, and thus deleted before it, by DependsOn and references."""
    needed = {
        logical_id: set(resource.get("DependsOn", [])) | set(references(resource["Properties"])) & resources.keys()
        for logical_id, resource in resources.items()
    }

    def find(name: str) -> str:
        (found,) = [logical_id for logical_id in resources if re.fullmatch(name + "[0-9A-F]{8}", logical_id)]
        return found

    def compare(later: str, earlier: str) -> bool:
        target, seen, open_ids = find(earlier), set[str](), [find(later)]
        while open_ids:
            current = open_ids.pop()
            if target in needed[current]:
                return True
            open_ids.extend(needed[current] - seen)
            seen |= needed[current]
        return False

    return compare
