"""Nodes: instance types with whole GPUs, sufficient disks, and no always-on nodes without pods."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from sd_on_eks.config.rules.violation import Path, Violation

if TYPE_CHECKING:
    from sd_on_eks.config.config import Config
    from sd_on_eks.config.karpenter import Provisioner
    from sd_on_eks.config.runtime import ModelsRuntime

GPU_FAMILIES: Final = (
    *("g4dn", "g5", "g6", "g6e", "gr6", "g7", "g7e"),
    *("p3", "p3dn", "p4d", "p4de", "p5", "p5e", "p5en", "p6-b200", "p6-b300"),
)
"""Families of x86 instances with whole NVIDIA GPUs: https://docs.aws.amazon.com/ec2/latest/instancetypes/ac.html"""

_WHY_NOT: Final = {
    "g6f": "has a fractional GPU",
    "gr6f": "has a fractional GPU",
    "g4ad": "has an AMD GPU",
    "g5g": "is arm64 and cannot run the images",
}

_POD_OVERHEAD_GIB: Final = 5
"""Temporary files of both containers, including inputs of the default size, logs, and the kubelet's eviction
reserve."""
_IOPS_PER_MIB_S: Final = 4
"""https://docs.aws.amazon.com/ebs/latest/userguide/general-purpose.html#gp3-ebs-volume-type"""


def violations(config: "Config") -> Iterator[Violation]:
    """Violations in the settings of GPU nodes and system nodes."""
    for index, runtime in enumerate(config.models_runtime):
        yield from _of_runtime(("modelsRuntime", index, "extraValues", "karpenter"), runtime)
    yield from _system(config)
    yield from _groups(config)
    if config.cluster.node_repair and not config.cluster.node_monitoring:
        yield Violation(
            ("cluster", "nodeRepair"), "must not be true without nodeMonitoring, which detects unhealthy nodes"
        )


def disk_needed_gib(runtime: "ModelsRuntime") -> int:
    """Smallest disk for a runtime's pod: its image packed and unpacked, scratch space, model cache and inputs."""
    pod = runtime.extra_values.runtime
    written = pod.inference_api.scratch_size_gib + pod.persistence.cache_size_gib
    return 2 * pod.inference_api.image_size_gib + written + _POD_OVERHEAD_GIB + _large_inputs_gib(runtime)


def _large_inputs_gib(runtime: "ModelsRuntime") -> int:
    """Disk space for a task's inputs beyond that for inputs of the default size."""
    usual = runtime.runtime_type.input_sizes().max_total_bytes
    return max(0, math.ceil((runtime.input_sizes.max_total_bytes - usual) / 2**30))


def _of_runtime(path: Path, runtime: "ModelsRuntime") -> Iterator[Violation]:
    karpenter = runtime.extra_values.karpenter
    yield from _instances((*path, "provisioner"), karpenter.provisioner)
    for index, budget in enumerate(karpenter.provisioner.budgets):
        if (budget.schedule is None) != (budget.duration is None):
            yield Violation(
                (*path, "provisioner", "budgets", index), "must have both schedule and duration, or neither"
            )
        for number, reason in enumerate(budget.reasons):
            if reason in budget.reasons[:number]:
                here = (*path, "provisioner", "budgets", index, "reasons", number)
                yield Violation(here, f"must be unique, got {reason} again")
    here = (*path, "nodeTemplate")
    yield from _disk(here, runtime)
    template = karpenter.node_template
    if template.snapshot_id is not None and template.nvme_and_soci:
        message = "must not be true with snapshotId: the instance store would hide the volume that the snapshot fills"
        yield Violation((*here, "nvmeAndSoci"), message)
    if template.volume_initialization_rate_mib_s is not None and template.snapshot_id is None:
        yield Violation(
            (*here, "volumeInitializationRateMibS"), "must not be set without snapshotId, whose volume it initializes"
        )


def _instances(path: Path, provisioner: "Provisioner") -> Iterator[Violation]:
    if provisioner.instance_types and provisioner.instance_families:
        yield Violation((*path, "instanceFamilies"), "must not be set with instanceTypes: set only one of them")
    for index, instance_type in enumerate(provisioner.instance_types):
        yield from _gpu_family((*path, "instanceTypes", index), instance_type, instance_type.split(".")[0])
    for index, family in enumerate(provisioner.instance_families):
        yield from _gpu_family((*path, "instanceFamilies", index), family, family)
    for key, values in (
        ("instanceTypes", provisioner.instance_types),
        ("instanceFamilies", provisioner.instance_families),
        ("capacityTypes", provisioner.capacity_types),
    ):
        for index, value in enumerate(values):
            if value in values[:index]:
                yield Violation((*path, key, index), f"must be unique, got {value} again")


def _gpu_family(path: Path, name: str, family: str) -> Iterator[Violation]:
    if family not in GPU_FAMILIES:
        why = _WHY_NOT.get(family, "is not in a known family with NVIDIA GPUs")
        allowed = ", ".join(GPU_FAMILIES)
        yield Violation(path, f"must have a whole NVIDIA GPU, got {name}, which {why}; allowed families: {allowed}")


def _disk(path: Path, runtime: "ModelsRuntime") -> Iterator[Violation]:
    template = runtime.extra_values.karpenter.node_template
    needed = disk_needed_gib(runtime)
    if template.disk_size_gib < needed:
        inputs = ", inputs up to maxInputMb" if _large_inputs_gib(runtime) else ""
        yield Violation(
            (*path, "diskSizeGib"),
            f"must be {needed} or more (twice the image, scratch space, model cache{inputs}), "
            f"got {template.disk_size_gib}",
        )
    iops = _IOPS_PER_MIB_S * template.disk_throughput_mib_s
    if template.disk_iops < iops:
        message = f"must be {iops} or more, four for each MiB/s of diskThroughputMibS, got {template.disk_iops}"
        yield Violation((*path, "diskIops"), message)


def _system(config: "Config") -> Iterator[Violation]:
    family = config.cluster_components.instance_type.split(".")[0]
    if family in GPU_FAMILIES or family in _WHY_NOT:
        path = ("clusterComponents", "instanceType")
        yield Violation(path, f"must have no GPU, which the controllers cannot use, got {family}")


def _groups(config: "Config") -> Iterator[Violation]:
    needed = max((disk_needed_gib(runtime) for runtime in config.models_runtime), default=0)
    for index, group in enumerate(config.gpu_node_groups):
        path = ("gpuNodeGroups", index)
        for number, instance_type in enumerate(group.instance_types):
            yield from _gpu_family((*path, "instanceTypes", number), instance_type, instance_type.split(".")[0])
        if group.disk_size_gib < needed:
            message = f"must be {needed} or more, which the largest runtime needs, got {group.disk_size_gib}"
            yield Violation((*path, "diskSizeGib"), message)
    warm = sum(group.size for group in config.gpu_node_groups if not group.may_be_idle)
    least = sum(runtime.extra_values.runtime.scaling.min_replica_count for runtime in config.models_runtime)
    if warm > least:
        index = next(i for i, group in enumerate(config.gpu_node_groups) if group.size and not group.may_be_idle)
        yield Violation(
            ("gpuNodeGroups", index, "size"),
            f"must be at most {least} in total, the sum of minReplicaCount, got {warm}: the other nodes would be idle "
            "and cost money; mayBeIdle: true allows it",
        )
