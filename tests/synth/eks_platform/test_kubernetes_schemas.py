"""Every Kubernetes object against its schema, with every option set at least once.

Built-in kinds: the Kubernetes schemas, which reject unknown fields. Custom kinds, against two independent sources: the
projects' CRDs (`definitions`; they reject unknown fields and duplicates in sets, and are read from a folder next to the
repository), and the compiled models of @kubernetes-models (`models`; generated from the projects' Go types, always
available).
"""

import copy
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from sd_on_eks.config.cluster import KubernetesVersion
from sd_on_eks.config.schema import config_schema
from tests.fakes.api_server import CUSTOM_KINDS, ApiServer
from tests.synth.eks_platform.existing_vpc import EXISTING_VPC

Objects = list[dict[str, Any]]

ROOT = Path(__file__).parents[3]
WHICH = pytest.mark.parametrize("which", ["objects", "rich_objects"])

# Every option that can add a field to an object. Two runtimes, since some options exclude each other.
RICH_CONFIG: dict[str, Any] = {
    "tags": {"cost-center": "art"},
    "network": {"existingVpc": EXISTING_VPC},
    "modelsRuntime": [
        {
            "name": "sd",
            "namespace": "studio",
            "type": "sdwebui",
            "modelFilename": "v1-5.safetensors",
            "dynamicModel": True,
            "longestTask": 3600,
            "interruptible": True,
            "extraValues": {
                "runtime": {
                    "labels": {"team": "art"},
                    "annotations": {"example.com/note": "hello"},
                    "tolerations": [
                        {"key": "team", "operator": "Equal", "value": "art", "effect": "NoSchedule"},
                        {"key": "lent", "operator": "Exists"},
                    ],
                    "scaling": {
                        "minReplicaCount": 1,
                        "maxReplicaCount": 4,
                        "typicalTask": 20,
                        "queueLength": 7,
                        "pollingInterval": 30,
                        "cooldownPeriod": 600,
                        "behavior": {
                            "scaleUp": {"stabilizationWindowSeconds": 30, "pods": 2, "periodSeconds": 30},
                            "scaleDown": {"stabilizationWindowSeconds": 600, "pods": 2, "periodSeconds": 120},
                        },
                        "schedules": [
                            {"timezone": "Europe/Berlin", "start": "0 8 * * 1-5", "end": "0 18 * * 1-5", "replicas": 2}
                        ],
                    },
                    "inferenceApi": {
                        "image": {"build": "local"},
                        "imageSizeGib": 20,
                        "args": ["--medvram"],
                        "env": {"CUDA_MODULE_LOADING": "LAZY"},
                        "resources": {
                            "requests": {"cpu": "3500m", "memory": "20Gi"},
                            "limits": {"cpu": "6", "memory": "28Gi"},
                        },
                        "scratchSizeGib": 40,
                        "sharedMemoryGib": 8,
                    },
                    "queueAgent": {
                        "image": {"reference": "registry.example.com/agent@sha256:" + "0" * 64},
                        "env": {"STALL_S": "300"},
                        "resources": {
                            "requests": {"cpu": "500m", "memory": "300Mi"},
                            "limits": {"cpu": "1", "memory": "600Mi"},
                        },
                    },
                    "persistence": {
                        "modelBucketArn": "arn:aws:s3:::own-models",
                        "prefix": "sd15/",
                        "cacheSizeGib": 30,
                        "throughputGbps": 25,
                    },
                },
                "karpenter": {
                    "provisioner": {
                        "instanceTypes": ["g6e.2xlarge", "g5.2xlarge"],
                        "capacityTypes": ["on-demand"],
                        "capacityReservationIds": ["cr-0123456789abcdef0"],
                        "gpuLimit": 6,
                        "expireAfter": "48h",
                        "consolidateAfter": "5m",
                        "budgets": [
                            {"nodes": "0", "reasons": ["Drifted"], "schedule": "0 8 * * 1-5", "duration": "10h"},
                            {"nodes": "50%"},
                        ],
                    },
                    "nodeTemplate": {
                        "diskSizeGib": 500,
                        "diskThroughputMibS": 500,
                        "diskIops": 6000,
                        "nvmeAndSoci": True,
                    },
                },
            },
        },
        {
            "name": "comfy",
            "type": "comfyui",
            "extraValues": {
                "runtime": {
                    "inferenceApi": {
                        "image": {"reference": "registry.example.com/comfy@sha256:" + "0" * 64},
                        "command": ["python3", "main.py"],
                        "imageMetadata": False,
                    },
                    "queueAgent": {"image": {"build": "local"}, "maxInputMb": 500},
                    "persistence": {"existingClaim": "fsx-models"},
                },
                "karpenter": {
                    "provisioner": {"instanceFamilies": ["g6e", "g5"]},
                    "nodeTemplate": {"snapshotId": "snap-0123456789abcdef0", "volumeInitializationRateMibS": 200},
                },
            },
        },
    ],
}


@pytest.fixture(scope="module")
def rich_objects(objects_of: Callable[[dict[str, Any]], dict[tuple[str, str], dict[str, Any]]]) -> Objects:
    return list(objects_of(RICH_CONFIG).values())


@pytest.fixture(scope="module", params=["definitions", "models"])
def judge(request: pytest.FixtureRequest) -> Callable[[Objects], list[str]]:
    """Errors of each object of a custom kind; an empty string if there are none."""
    if request.param == "models":
        return _judged_by_models
    shared_data: Path = request.getfixturevalue("shared_data")
    server = ApiServer(definitions=shared_data / "crds")
    return lambda objects: ["\n".join(server.refusals(one)) for one in objects]


def test_rich_config_sets_every_option_of_pods_and_nodes() -> None:
    definitions = config_schema()["$defs"]
    options = set(_options(definitions["ExtraValues"], definitions))
    assert len(options) > 50  # fewer would mean that they are no longer found
    given = {option for one in RICH_CONFIG["modelsRuntime"] for option in _paths(one["extraValues"])}
    assert options - given == set()


@WHICH
@pytest.mark.parametrize("version", get_args(KubernetesVersion))
def test_objects_of_built_in_kinds_are_valid(request: pytest.FixtureRequest, which: str, version: str) -> None:
    built_in = [one for one in request.getfixturevalue(which) if one["kind"] not in CUSTOM_KINDS]
    assert {one["kind"] for one in built_in} >= {"Deployment", "NetworkPolicy", "ValidatingAdmissionPolicy"}
    assert [ApiServer(version).refusals(one) for one in built_in] == [[]] * len(built_in)


@pytest.mark.parametrize("field", ["spec", "spec.template.spec", "spec.template.spec.containers.0.securityContext"])
def test_unknown_field_of_a_built_in_kind_is_rejected(objects: Objects, field: str) -> None:
    deployment = _changed(objects, "Deployment", f"{field}.unknownField", 1)
    assert "unknownField" in ApiServer().refusals(deployment)[0]


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("Deployment", "spec.template.spec.containers.0.env", [{"name": "A", "value": "1"}, {"name": "A"}]),
        ("Deployment", "spec.template.spec.tolerations", [{"key": "a", "operator": "Exist"}, {"keys": "a"}]),
        ("Deployment", "spec.template.metadata.labels", {"a..b/x": "y"}),
        ("Deployment", "spec.template.metadata.labels", {"x": "a b"}),
        ("Deployment", "spec.template.metadata.annotations", {f"{'a' * 254}/x": "y"}),
        ("Deployment", "spec.template.metadata.annotations", {"x": "<" * 44_000}),
        ("Deployment", "spec.template.metadata.annotations", {"seccomp.security.alpha.kubernetes.io/pod": "x"}),
        ("Namespace", "metadata.name", "a" * 64),
        ("ScaledObject", "metadata.name", "a" * 55),
    ],
)
def test_value_that_no_type_describes_is_rejected(objects: Objects, kind: str, path: str, value: object) -> None:
    assert ApiServer().refusals(next(one for one in objects if one["kind"] == kind)) == []
    assert ApiServer().refusals(_changed(objects, kind, path, value))


def test_duplicates_in_a_set_are_rejected_by_the_definitions(objects: Objects, shared_data: Path) -> None:
    node_pool = _changed(objects, "NodePool", "spec.disruption.budgets.0.reasons", ["Empty", "Drifted", "Empty"])
    (message,) = ApiServer(definitions=shared_data / "crds").refusals(node_pool)
    assert message.endswith('reasons[2]: duplicate "Empty" in a set')


@WHICH
def test_objects_of_custom_kinds_are_valid(
    request: pytest.FixtureRequest, judge: Callable[[Objects], list[str]], which: str
) -> None:
    custom = [one for one in request.getfixturevalue(which) if one["kind"] in CUSTOM_KINDS]
    assert len(custom) == 2 * 5  # of each runtime: how it scales, with what rights, and its three kinds of nodes
    assert judge(custom) == [""] * len(custom)


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("ScaledObject", "spec.scaleTargetRef", None),
        ("ScaledObject", "spec.triggers.0.metadata.queueLength", 7),
        ("TriggerAuthentication", "spec.podIdentity.provider", 1),
        ("NodePool", "spec.template.spec.requirements.0.values", "g5.2xlarge"),
        ("EC2NodeClass", "spec.blockDeviceMappings.1.ebs.throughput", "125"),
    ],
)
def test_broken_object_of_a_custom_kind_is_rejected(
    objects: Objects, judge: Callable[[Objects], list[str]], kind: str, path: str, value: object
) -> None:
    (message,) = judge([_changed(objects, kind, path, value)])
    assert path.rpartition(".")[2] in message


@pytest.mark.parametrize("field", ["spec", "spec.template", "spec.template.spec", "spec.disruption"])
def test_unknown_field_of_a_custom_kind_is_rejected_by_the_definitions(
    objects: Objects, shared_data: Path, field: str
) -> None:
    node_pool = _changed(objects, "NodePool", f"{field}.unknownField", 1)
    (message,) = ApiServer(definitions=shared_data / "crds").refusals(node_pool)
    assert "unknownField" in message


def _changed(objects: Objects, kind: str, path: str, value: object) -> dict[str, Any]:
    """A copy of the first object of a kind, with another value in one place; None removes it."""
    one = copy.deepcopy(next(one for one in objects if one["kind"] == kind))
    target: Any = one
    *folders, last = path.split(".")
    for name in folders:
        target = target[int(name) if name.isdecimal() else name]
    target[last] = value
    if value is None:
        del target[last]
    return one


def _options(model: dict[str, Any], definitions: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Paths of all options of a mapping in dotted notation: `scaling.schedules[].start`."""
    for name, field in model["properties"].items():
        value = next((one for one in field.get("anyOf", ()) if one.get("type") != "null"), field)
        reference = value.get("$ref") or value.get("items", {}).get("$ref")
        path = f"{prefix}{name}{'[]' if reference and value.get('type') == 'array' else ''}"
        if reference:
            yield from _options(definitions[reference.rpartition("/")[2]], definitions, f"{path}.")
        else:
            yield path


def _paths(value: object, prefix: str = "") -> Iterator[str]:
    """Paths of everything in a configuration, in the same form."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield prefix + name
            yield from _paths(part, f"{prefix}{name}.")
    elif isinstance(value, list):
        for part in value:
            yield from _paths(part, f"{prefix.removesuffix('.')}[].")


def _judged_by_models(objects: Objects) -> list[str]:
    script = """
        import { text } from "node:stream/consumers";
        const packages = { "keda.sh": "keda", "karpenter.sh": "karpenter", "karpenter.k8s.aws": "karpenter" };
        const verdicts = [];
        for (const one of JSON.parse(await text(process.stdin))) {
            const models = packages[one.apiVersion.split("/")[0]];
            const { [one.kind]: Model } = await import(`@kubernetes-models/${models}/${one.apiVersion}/${one.kind}`);
            try {
                new Model(one).validate();
                verdicts.push("");
            } catch (error) {
                verdicts.push(error.message);
            }
        }
        console.log(JSON.stringify(verdicts));
    """
    done = subprocess.run(  # noqa: S603 (our own command)
        [os.environ["JSII_NODE"], "--input-type=module", "--eval", script],
        input=json.dumps(objects),
        cwd=ROOT,  # where node_modules is
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    verdicts: list[str] = json.loads(done.stdout)
    return verdicts
