"""A runtime's pods: replicas, images, resources, volumes and times."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from sd_on_eks.config.cron import cron_times
from sd_on_eks.config.rules.violation import Path, Violation
from sd_on_eks.config.runtime import LONGEST_DRAIN_S

if TYPE_CHECKING:
    from sd_on_eks.config.config import Config
    from sd_on_eks.config.runtime import ModelsRuntime
    from sd_on_eks.config.workload import Image, InferenceApi, Workload


def violations(config: "Config") -> Iterator[Violation]:
    """Violations in `modelsRuntime`."""
    for index, runtime in enumerate(config.models_runtime):
        path = ("modelsRuntime", index)
        here = (*path, "extraValues", "runtime")
        pod = runtime.extra_values.runtime
        yield from _time(path, runtime)
        yield from _scaling((*here, "scaling"), runtime)
        yield from _image((*here, "inferenceApi", "image"), pod.inference_api.image)
        yield from _image((*here, "queueAgent", "image"), pod.queue_agent.image)
        yield from _command((*here, "inferenceApi", "command"), pod.inference_api)
        yield from _resources(here, pod)
        yield from _models((*here, "persistence"), pod)
        for number, toleration in enumerate(pod.tolerations):
            if toleration.operator == "Exists" and toleration.value is not None:
                yield Violation((*here, "tolerations", number, "value"), "must not be set with operator Exists")


def _time(path: Path, runtime: "ModelsRuntime") -> Iterator[Violation]:
    if runtime.longest_task > LONGEST_DRAIN_S and not runtime.interruptible:
        yield Violation(
            (*path, "longestTask"),
            f"must be {LONGEST_DRAIN_S} or less, got {runtime.longest_task:g}: a reclaimed node is terminated after "
            "600 s; with interruptible: true, a longer task restarts on another node",
        )
    typical = runtime.extra_values.runtime.scaling.typical_task
    if typical > runtime.longest_task:
        message = f"must be at most longestTask, got {typical:g} and {runtime.longest_task:g}"
        yield Violation((*path, "extraValues", "runtime", "scaling", "typicalTask"), message)


def _scaling(path: Path, runtime: "ModelsRuntime") -> Iterator[Violation]:
    scaling = runtime.extra_values.runtime.scaling
    if scaling.max_replica_count < scaling.min_replica_count:
        yield Violation(
            (*path, "maxReplicaCount"),
            f"must be at least minReplicaCount, got {scaling.max_replica_count} and {scaling.min_replica_count}",
        )
    for index, schedule in enumerate(scaling.schedules):
        if schedule.replicas > scaling.max_replica_count:
            message = f"must be at most maxReplicaCount, got {schedule.replicas} and {scaling.max_replica_count}"
            yield Violation((*path, "schedules", index, "replicas"), message)
        # Between two times, KEDA keeps the replicas unless the next time is only a start.
        if cron_times(schedule.end).includes(cron_times(schedule.start)):
            yield Violation(
                (*path, "schedules", index, "end"),
                f"must not match every time that start matches, got {schedule.end} and {schedule.start}: KEDA would "
                "keep the replicas permanently",
            )
    limit = runtime.extra_values.karpenter.provisioner.gpu_limit
    if limit is not None and limit < scaling.min_replica_count:
        yield Violation(
            (*path[:-2], "karpenter", "provisioner", "gpuLimit"),
            f"must be at least minReplicaCount, got {limit} and {scaling.min_replica_count}",
        )


def _image(path: Path, image: "Image") -> Iterator[Violation]:
    if image.build is not None and image.reference is not None:
        yield Violation((*path, "reference"), "must not be set with build: set only one of them")


def _command(path: Path, config: "InferenceApi") -> Iterator[Violation]:
    if config.command and config.image.reference is None:
        yield Violation(
            path,
            f"must not be set without image.reference, got {json.dumps(config.command)}: an image that is built has "
            "a command",
        )


def _resources(path: Path, pod: "Workload") -> Iterator[Violation]:
    for key, container in (("inferenceApi", pod.inference_api), ("queueAgent", pod.queue_agent)):
        requests, limits = container.whole_resources.requests, container.whole_resources.limits
        for name, request, limit, amount in (
            ("cpu", requests.cpu, limits.cpu, _millicores),
            ("memory", requests.memory, limits.memory, _mebibytes),
        ):
            if request is not None and limit is not None and amount(limit) < amount(request):
                here = (*path, key, "resources", "limits", name)
                yield Violation(here, f"must be at least the request, got {limit} and {request}")


def _models(path: Path, pod: "Workload") -> Iterator[Violation]:
    persistence = pod.persistence
    if persistence.existing_claim is not None:
        for key, value in (
            ("modelBucketArn", persistence.model_bucket_arn),
            ("prefix", persistence.prefix),
            ("cacheSizeGib", persistence.cache_size_gib or None),
        ):
            if value is not None:
                yield Violation((*path, key), "must not be set with existingClaim, which provides the models")


def _millicores(amount: str) -> int:
    return int(amount[:-1]) if amount.endswith("m") else 1000 * int(amount)


def _mebibytes(amount: str) -> int:
    return int(amount[:-2]) * (1024 if amount.endswith("Gi") else 1)
