"""The effect of each option of a runtime on its objects."""

from collections.abc import Callable
from typing import Any

import pytest

Objects = Callable[[dict[str, Any]], dict[tuple[str, str], dict[str, Any]]]

SNAPSHOT = "snap-0123456789abcdef0"


def _one(runtime: dict[str, Any] | None = None, **further: object) -> dict[str, Any]:
    return {
        "modelsRuntime": [{"name": "sd", "type": "sdwebui", "modelFilename": "v1-5.safetensors"} | (runtime or {})],
        **further,
    }


def _workload(**workload: object) -> dict[str, Any]:
    return _one({"extraValues": {"runtime": workload}})


def _nodes(*, template: dict[str, Any] | None = None, **provisioner: object) -> dict[str, Any]:
    return _one({"extraValues": {"karpenter": {"provisioner": provisioner, "nodeTemplate": template or {}}}})


def _requirements(pool: dict[str, Any]) -> dict[str, list[str]]:
    return {one["key"]: one["values"] for one in pool["spec"]["template"]["spec"]["requirements"]}


def test_first_instance_type_is_preferred_and_the_others_are_the_fallback(objects_of: Objects) -> None:
    objects = objects_of(_nodes(instanceTypes=["g6e.xlarge", "g6.2xlarge", "g5.2xlarge"], gpuLimit=7))
    first, second = objects["NodePool", "sd"], objects["NodePool", "sd-fallback"]
    assert _requirements(first)["node.kubernetes.io/instance-type"] == ["g6e.xlarge"]
    assert _requirements(second)["node.kubernetes.io/instance-type"] == ["g6.2xlarge", "g5.2xlarge"]
    assert first["spec"]["weight"] > second["spec"]["weight"]
    assert first["spec"]["limits"] == second["spec"]["limits"] == {"nvidia.com/gpu": 7}


def test_fallback_without_other_types_stays_and_launches_nothing(objects_of: Objects) -> None:
    fallback = objects_of(_nodes(instanceTypes=["g5.2xlarge"]))["NodePool", "sd-fallback"]
    assert fallback["spec"]["limits"] == {"nvidia.com/gpu": 0}


def test_families_are_limited_to_sizes_with_one_gpu(objects_of: Objects) -> None:
    requirements = _requirements(objects_of(_nodes(instanceFamilies=["g6e", "g5"]))["NodePool", "sd"])
    assert requirements["karpenter.k8s.aws/instance-family"] == ["g6e"]
    assert requirements["karpenter.k8s.aws/instance-gpu-count"] == ["1"]
    assert "node.kubernetes.io/instance-type" not in requirements


def test_capacity_reservations_go_first(objects_of: Objects) -> None:
    objects = objects_of(_nodes(capacityReservationIds=["cr-0123456789abcdef0"], capacityTypes=["on-demand"]))
    pool = _requirements(objects["NodePool", "sd"])
    assert pool["karpenter.sh/capacity-type"] == ["reserved", "on-demand"]
    terms = objects["EC2NodeClass", "sd"]["spec"]["capacityReservationSelectorTerms"]
    assert terms == [{"id": "cr-0123456789abcdef0"}]


def test_expiry_and_budgets_are_as_configured(objects_of: Objects) -> None:
    budget = {"nodes": "0", "reasons": ["Drifted"], "schedule": "0 8 * * 1-5", "duration": "10h"}
    pool = objects_of(_nodes(expireAfter="48h", consolidateAfter="5m", budgets=[budget]))["NodePool", "sd"]
    assert pool["spec"]["template"]["spec"]["expireAfter"] == "48h"
    assert pool["spec"]["disruption"]["consolidateAfter"] == "5m"
    assert pool["spec"]["disruption"]["budgets"] == [budget]


def test_snapshot_comes_without_nvme_and_soci_and_with_a_rate(objects_of: Objects) -> None:
    spec = objects_of(_nodes(template={"snapshotId": SNAPSHOT}))["EC2NodeClass", "sd"]["spec"]
    volume = spec["blockDeviceMappings"][1]["ebs"]
    assert (volume["snapshotID"], volume["volumeInitializationRate"]) == (SNAPSHOT, 300)
    assert "instanceStorePolicy" not in spec
    assert "userData" not in spec


def test_disk_has_the_configured_size_and_speed(objects_of: Objects) -> None:
    template = {"diskSizeGib": 500, "diskThroughputMibS": 500, "diskIops": 6000}
    volume = objects_of(_nodes(template=template))["EC2NodeClass", "sd"]["spec"]["blockDeviceMappings"][1]["ebs"]
    assert (volume["volumeSize"], volume["throughput"], volume["iops"]) == ("500Gi", 500, 6000)


def test_nodes_carry_the_stack_s_tags(objects_of: Objects) -> None:
    spec = objects_of(_one(tags={"cost-center": "art"}))["EC2NodeClass", "sd"]["spec"]
    assert spec["tags"] == {"cost-center": "art"}


def test_schedules_are_triggers_in_addition_to_the_queue(objects_of: Objects) -> None:
    schedule = {"timezone": "Europe/Berlin", "start": "0 8 * * 1-5", "end": "0 18 * * 1-5", "replicas": 2}
    triggers = objects_of(_workload(scaling={"schedules": [schedule]}))["ScaledObject", "sd"]["spec"]["triggers"]
    assert [trigger["type"] for trigger in triggers] == ["aws-sqs-queue", "cron"]
    assert triggers[1]["metadata"] == {
        "timezone": "Europe/Berlin",
        "start": "0 8 * * 1-5",
        "end": "0 18 * * 1-5",
        "desiredReplicas": "2",
    }


@pytest.mark.parametrize(("typical_s", "tasks"), [(1, 20), (3, 20), (12, 5), (20, 3), (400, 3)])
def test_tasks_per_replica_follow_from_the_typical_task(objects_of: Objects, typical_s: float, tasks: int) -> None:
    scaled = objects_of(_workload(scaling={"typicalTask": typical_s}))["ScaledObject", "sd"]
    assert scaled["spec"]["triggers"][0]["metadata"]["queueLength"] == str(tasks)


def test_behavior_is_as_configured(objects_of: Objects) -> None:
    behavior = {"scaleUp": {"pods": 2, "periodSeconds": 30}, "scaleDown": {"stabilizationWindowSeconds": 600}}
    scaled = objects_of(_workload(scaling={"behavior": behavior}))["ScaledObject", "sd"]
    rules = scaled["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert rules["scaleUp"]["policies"] == [{"type": "Pods", "value": 2, "periodSeconds": 30}]
    assert rules["scaleDown"]["stabilizationWindowSeconds"] == 600


@pytest.fixture
def pod(objects_of: Objects) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def find(config: dict[str, Any]) -> dict[str, Any]:
        template: dict[str, Any] = objects_of(config)["Deployment", "sd"]["spec"]["template"]
        return template

    return find


Pod = Callable[[dict[str, Any]], dict[str, Any]]


def test_containers_take_arguments_variables_and_resources(pod: Pod) -> None:
    template = pod(
        _workload(
            inferenceApi={
                "args": ["--medvram"],
                "env": {"CUDA_MODULE_LOADING": "LAZY"},
                "resources": {"requests": {"memory": "20Gi"}, "limits": {"memory": "28Gi"}},
                "scratchSizeGib": 40,
                "sharedMemoryGib": 8,
            },
            queueAgent={"env": {"STALL_S": "300"}, "resources": {"limits": {"cpu": "1"}}},
        )
    )
    sidecar, agent = template["spec"]["initContainers"][0], template["spec"]["containers"][0]
    assert sidecar["args"] == ["--medvram"]
    assert {"name": "CUDA_MODULE_LOADING", "value": "LAZY"} in sidecar["env"]
    assert sidecar["resources"] == {
        "requests": {"cpu": "2", "memory": "20Gi", "nvidia.com/gpu": "1"},
        "limits": {"memory": "28Gi", "nvidia.com/gpu": "1"},
    }
    assert {"name": "STALL_S", "value": "300"} in agent["env"]
    assert agent["resources"]["limits"] == {"memory": "512Mi", "cpu": "1"}
    limits = {volume["name"]: volume["emptyDir"]["sizeLimit"] for volume in template["spec"]["volumes"][1:3]}
    assert limits == {"scratch": "40Gi", "shared-memory": "8Gi"}


def test_tolerations_are_added(pod: Pod) -> None:
    toleration = {"key": "team", "operator": "Equal", "value": "art", "effect": "NoSchedule"}
    tolerations = pod(_workload(tolerations=[toleration]))["spec"]["tolerations"]
    assert tolerations[1:] == [toleration]


@pytest.mark.parametrize(
    ("longest_s", "interruptible", "grace_s", "drain_s"),
    [(120, False, 180, 120), (480, False, 540, 480), (3600, True, 540, 480)],
)
def test_grace_period_follows_from_the_longest_task(
    pod: Pod, longest_s: int, interruptible: bool, grace_s: int, drain_s: int
) -> None:
    template = pod(_one({"longestTask": longest_s, "interruptible": interruptible}))
    environment = {one["name"]: one.get("value") for one in template["spec"]["containers"][0]["env"]}
    assert template["spec"]["terminationGracePeriodSeconds"] == grace_s
    assert (environment["LONGEST_TASK_S"], environment["DRAIN_S"]) == (str(longest_s), str(drain_s))


def test_images_by_reference_are_taken_as_they_are(pod: Pod) -> None:
    reference = "registry.example.com/sdwebui@sha256:" + "0" * 64
    template = pod(_workload(inferenceApi={"image": {"reference": reference}}))
    assert template["spec"]["initContainers"][0]["image"] == reference
    assert template["spec"]["containers"][0]["image"] != reference


def test_model_volume_is_of_the_configured_bucket_part_and_cache(objects_of: Objects) -> None:
    objects = objects_of(
        _workload(
            persistence={
                "modelBucketArn": "arn:aws:s3:::other-models",
                "prefix": "sd15/",
                "cacheSizeGib": 30,
                "throughputGbps": 25,
            }
        )
    )
    (volume,) = [one for (kind, _), one in objects.items() if kind == "PersistentVolume"]
    assert volume["spec"]["mountOptions"][-2:] == ["maximum-throughput-gbps 25", "prefix sd15/"]
    assert volume["spec"]["csi"]["volumeAttributes"] == {
        "bucketName": "other-models",
        "authenticationSource": "driver",
        "cache": "emptyDir",
        "cacheEmptyDirSizeLimit": "30Gi",
    }


def test_existing_claim_replaces_the_volume(objects_of: Objects) -> None:
    objects = objects_of(_workload(persistence={"existingClaim": "fsx-models"}))
    assert not [kind for kind, _ in objects if kind.startswith("PersistentVolume")]
    volumes = objects["Deployment", "sd"]["spec"]["template"]["spec"]["volumes"]
    assert volumes[0]["persistentVolumeClaim"]["claimName"] == "fsx-models"


def test_agent_knows_which_checkpoints_its_runtime_serves(pod: Pod) -> None:
    def known(**options: Any) -> dict[str, str | None]:
        template = pod({"modelsRuntime": [{"name": "sd", "type": "sdwebui", **options}]})
        environment = {one["name"]: one.get("value") for one in template["spec"]["containers"][0]["env"]}
        return {name: environment[name] for name in ("MODEL_FILENAME", "DYNAMIC_MODEL") if name in environment}

    assert known(modelFilename="a/b.ckpt") == {"MODEL_FILENAME": "a/b.ckpt", "DYNAMIC_MODEL": "false"}
    assert known(dynamicModel=True) == {"DYNAMIC_MODEL": "true"}


def test_protocol_times_reach_the_agent(pod: Pod) -> None:
    template = pod(_one(taskProtocol={"lease": 60, "visibility": 66}))
    environment = {one["name"]: one.get("value") for one in template["spec"]["containers"][0]["env"]}
    assert (environment["LEASE_S"], environment["VISIBILITY_S"]) == ("60", "66")


@pytest.mark.parametrize(
    ("option", "gone"),
    [
        ({"karpenter": {"provisioner": {"instanceTypes": ["g5.2xlarge"]}}}, "others"),
        ({"runtime": {"scaling": {"schedules": []}}}, "schedule"),
        ({"karpenter": {"provisioner": {"capacityReservationIds": []}}}, "reservation"),
    ],
)
def test_no_option_removes_an_object_that_would_stay_in_the_cluster(
    objects_of: Objects, option: dict[str, Any], gone: str
) -> None:
    """An object that a later deployment omits stays in the cluster and would remain active."""
    full = {
        "karpenter": {
            "provisioner": {
                "instanceTypes": ["g5.2xlarge", "g6.2xlarge"],
                "capacityReservationIds": ["cr-0123456789abcdef0"],
            }
        },
        "runtime": {
            "scaling": {
                "schedules": [{"timezone": "UTC", "start": "0 8 * * *", "end": "0 9 * * *", "replicas": 1}],
            }
        },
    }
    before, after = (objects_of(_one({"extraValues": one})).keys() for one in (full, option))
    assert before == after, gone
