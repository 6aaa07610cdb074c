"""Hypothesis strategies for `modelsRuntime`: all options of pods and nodes in any valid combination."""

import copy
import json
from functools import cache
from typing import Final, Literal, get_args

from hypothesis import strategies as st

from sd_on_eks.config import values
from sd_on_eks.config.cron import cron_times
from sd_on_eks.config.karpenter import DisruptionBudget, DisruptionReason, Karpenter, NodeTemplate, Provisioner
from sd_on_eks.config.rules.nodes import GPU_FAMILIES, disk_needed_gib
from sd_on_eks.config.rules.runtimes import _mebibytes, _millicores
from sd_on_eks.config.runtime import LONGEST_DRAIN_S, ModelsRuntime
from sd_on_eks.config.scaling import Scaling, Schedule
from sd_on_eks.config.workload import (
    Image,
    InferenceApi,
    Persistence,
    QueueAgent,
    ResourceAmounts,
    Toleration,
    Workload,
)
from tests.synth.drawn_models import Data, few, numbers, some_keys, texts, values_of
from tests.unit.config.test_cron import ACCEPTED

Partition = Literal["aws", "aws-cn", "aws-us-gov"]

_MANY: Final = 7
"""Further runtimes differ only in their names: a 30th set of options finds no other errors and is slow."""

_STARTS_AND_ENDS: Final = [
    (start, end) for start in ACCEPTED for end in ACCEPTED if not cron_times(end).includes(cron_times(start))
]


@cache
@st.composite
def runtimes(draw: st.DrawFn, partition: Partition) -> list[Data]:
    """None, some or, rarely, very many."""
    count = draw(st.integers(0, _MANY - 1)) if draw(st.integers(0, 9)) else draw(st.integers(_MANY, 30))
    longest_name = st.from_regex(r"[a-z][a-z0-9-]{38}[a-z0-9]", fullmatch=True)
    names = draw(st.lists(texts(values.RuntimeName) | longest_name, min_size=count, max_size=count, unique=True))
    # Each checkpoint is served by one runtime.
    files = draw(st.lists(texts(values.FileName), min_size=count, max_size=count, unique=True))
    namespaces = st.sampled_from(draw(few(st.just("default") | texts(values.DnsLabel), least=1)))
    bodies = [draw(_bodies(partition)) for _ in range(min(count, 2 if count >= _MANY else count))]
    return [
        _fitting(draw(_identities(name, file=file, namespaces=namespaces)), bodies[n % len(bodies)])
        for n, (name, file) in enumerate(zip(names, files, strict=True))
    ]


def _fitting(identity: Data, body: Data) -> Data:
    """Both, without options that only comfyui has."""
    if identity["type"].lower() == "sdwebui":
        body = copy.deepcopy(body)
        body["extraValues"]["runtime"].get("queueAgent", {}).pop("maxInputMb", None)
    return identity | body


def parsed(data: Data) -> ModelsRuntime:
    """A runtime in the format of the model."""
    return ModelsRuntime.model_validate_json(json.dumps(data))


@cache
def bucket_arns(partition: Partition) -> st.SearchStrategy[str]:
    """ARNs of buckets in a partition."""
    names = st.from_regex(r"[a-z0-9]{1,20}([.-][a-z0-9]{1,20}){1,2}", fullmatch=True)
    return names.map(lambda name: f"arn:{partition}:s3:::{name}")


@cache
def gpu_types() -> st.SearchStrategy[str]:
    """Instance types with GPUs."""
    return st.builds("{}.{}".format, st.sampled_from(GPU_FAMILIES), st.sampled_from(["xlarge", "2xlarge", "48xlarge"]))


_FILE: Final = ("model_filename", "dynamic_model")
_LIMITS: Final = ("longest_task", "interruptible", "backlog_limit")


def _identities(name: str, *, file: str, namespaces: st.SearchStrategy[str]) -> st.SearchStrategy[Data]:
    """The names of a runtime and its checkpoint; ComfyUI workflows specify their models."""
    known: Data = {"name": st.just(name), "namespace": namespaces, "model_filename": st.just(file)}
    later = (*_LIMITS, "extra_values")
    web_ui: Data = known | {"type": st.sampled_from(["sdwebui", "SDWebUI"])}
    sdwebui = some_keys(ModelsRuntime, leave_out=later, keep=("model_filename",), **web_ui) | some_keys(
        ModelsRuntime, leave_out=later, keep=("dynamic_model",), **web_ui, dynamic_model=st.just(value=True)
    )
    comfyui = some_keys(
        ModelsRuntime, leave_out=(*later, *_FILE), type=st.sampled_from(["comfyui", "ComfyUI"]), **known
    )
    return sdwebui | comfyui


@cache
@st.composite
def _bodies(draw: st.DrawFn, partition: Partition) -> Data:
    limits = draw(_task_limits())
    pod = draw(_pods(partition, limits.get("longestTask", ModelsRuntime.model_fields["longest_task"].default)))
    model = parsed({"name": "a", "type": "comfyui", "extraValues": {"runtime": pod}} | limits)
    nodes = draw(
        some_keys(
            Karpenter,
            keep=("node_template",),
            provisioner=_provisioners(model.extra_values.runtime.scaling.min_replica_count),
            node_template=_node_templates(disk_needed_gib(model)),
        )
    )
    return limits | {"extraValues": {"runtime": pod, "karpenter": nodes}}


@cache
def _task_limits() -> st.SearchStrategy[Data]:
    others = [name for name in ModelsRuntime.model_fields if name not in _LIMITS]
    short = numbers(ModelsRuntime, "longest_task", most=LONGEST_DRAIN_S)
    return some_keys(ModelsRuntime, leave_out=others, longest_task=short) | some_keys(
        ModelsRuntime, leave_out=others, keep=("interruptible",), interruptible=st.just(value=True)
    )


@cache
def _pods(partition: Partition, longest_s: float) -> st.SearchStrategy[Data]:
    images = _images(partition)
    large: Data = {"image_size_gib": numbers(InferenceApi, "image_size_gib", most=500)}
    large["scratch_size_gib"] = numbers(InferenceApi, "scratch_size_gib", most=6000)
    large["resources"] = _resources(InferenceApi())
    by_reference = some_keys(Image, keep=("reference",), leave_out=("build",))
    return some_keys(
        Workload,
        keep=("scaling",),
        tolerations=few(_tolerations()),
        scaling=_scaling(longest_s),
        inference_api=some_keys(InferenceApi, leave_out=("command",), image=images, **large)
        | some_keys(InferenceApi, keep=("command",), image=by_reference, **large),
        queue_agent=some_keys(QueueAgent, image=images, resources=_resources(QueueAgent())),
        persistence=_persistence(partition),
    )


@cache
def _tolerations() -> st.SearchStrategy[Data]:
    return some_keys(Toleration, operator=st.just("Equal")) | some_keys(
        Toleration, keep=("operator",), leave_out=("value",), operator=st.just("Exists")
    )


@st.composite
def _scaling(draw: st.DrawFn, longest_s: float) -> Data:
    least = draw(st.integers(0, 8))
    most = draw(numbers(Scaling, "max_replica_count", least=max(1, least)))
    start, end = draw(st.sampled_from(_STARTS_AND_ENDS))
    schedules = some_keys(
        Schedule,
        timezone=st.sampled_from(["Europe/Berlin", "America/Argentina/Buenos_Aires", "UTC"]),
        start=st.just(start),
        end=st.just(end),
        replicas=numbers(Schedule, "replicas", most=most),
    )
    return draw(
        some_keys(
            Scaling,
            # The defaults may be too low, or too long for a short task.
            keep=("max_replica_count", "typical_task"),
            min_replica_count=st.just(least),
            max_replica_count=st.just(most),
            typical_task=numbers(Scaling, "typical_task", most=longest_s),
            schedules=few(schedules),
        )
    )


@cache
def _images(partition: Partition) -> st.SearchStrategy[Data]:
    # CodeBuild's image build does not work in China.
    builds = st.just("local") if partition == "aws-cn" else values_of(Image, "build")
    return some_keys(Image, leave_out=("reference",), build=builds) | some_keys(Image, leave_out=("build",))


@st.composite
def _resources(draw: st.DrawFn, container: InferenceApi | QueueAgent) -> Data:
    """Requests and limits that are valid together and with the container's defaults."""
    default = container.whole_resources
    requests, limits = draw(some_keys(ResourceAmounts)), draw(some_keys(ResourceAmounts))
    for name, size in (("cpu", _millicores), ("memory", _mebibytes)):
        request = requests.get(name, getattr(default.requests, name))
        limit = limits.get(name, getattr(default.limits, name))
        if limit is not None and size(limit) < size(request):
            limits[name] = request
    return {"requests": requests, "limits": limits}


@cache
def _persistence(partition: Partition) -> st.SearchStrategy[Data]:
    own = some_keys(
        Persistence,
        leave_out=("existing_claim",),
        model_bucket_arn=bucket_arns(partition),
        cache_size_gib=numbers(Persistence, "cache_size_gib", most=6000),
    )
    others = ("model_bucket_arn", "prefix", "cache_size_gib")
    return own | some_keys(Persistence, keep=("existing_claim",), leave_out=others)


@cache
def _provisioners(min_replicas: int) -> st.SearchStrategy[Data]:
    instead: Data = {
        "instance_types": few(gpu_types(), unique=True),
        "instance_families": few(st.sampled_from(GPU_FAMILIES), unique=True),
        "capacity_types": st.lists(st.sampled_from(["spot", "on-demand"]), min_size=1, unique=True),
        "gpu_limit": numbers(Provisioner, "gpu_limit", least=min_replicas),
        "budgets": few(_budgets()),
    }
    return some_keys(Provisioner, leave_out=("instance_types",), **instead) | some_keys(
        Provisioner, leave_out=("instance_families",), **instead
    )


@cache
def _budgets() -> st.SearchStrategy[Data]:
    times = ("schedule", "duration")
    schedules = st.sampled_from([*ACCEPTED, "@daily", "@weekly"])
    reasons = few(st.sampled_from(get_args(DisruptionReason)), unique=True)
    return some_keys(DisruptionBudget, leave_out=times, reasons=reasons) | some_keys(
        DisruptionBudget, keep=times, schedule=schedules, reasons=reasons
    )


@cache
def _node_templates(disk_gib: int) -> st.SearchStrategy[Data]:
    disk = {"disk_size_gib": numbers(NodeTemplate, "disk_size_gib", least=disk_gib)}
    # Four IOPS per MiB/s; the default IOPS are too low for a high throughput.
    fast = {"disk_iops": numbers(NodeTemplate, "disk_iops", least=4000)}
    snapshot = ("snapshot_id", "volume_initialization_rate_mib_s")
    nvme = some_keys(NodeTemplate, keep=("disk_size_gib", "disk_iops"), leave_out=snapshot, **disk, **fast)
    return nvme | some_keys(
        NodeTemplate,
        keep=("disk_size_gib", "snapshot_id"),
        leave_out=("disk_throughput_mib_s",),
        nvme_and_soci=st.just(value=False),
        **disk,
    )
