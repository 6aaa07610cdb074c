"""All keys of the existing solution's `config.yaml`: default, the key in this product, and what to write instead.

The loader's messages, `scripts/convert_config.py` and the table in docs/migration.md use it. The existing solution is
the repository guidance-for-asynchronous-inference-with-stable-diffusion-on-aws of aws-solutions-library-samples at
commit bfec8e2; keys of its earlier releases are marked. Its `extraValues` are the values of its Helm chart, so each
value of the chart is a key.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sd_on_eks.config.existing_solution import conversions
from sd_on_eks.config.existing_solution.conversions import Conversion, Path

_RUNTIME: Final = "modelsRuntime[]"
_VALUES: Final = f"{_RUNTIME}.extraValues"
_NODES: Final = f"{_VALUES}.karpenter.provisioner"
_TEMPLATE: Final = f"{_VALUES}.karpenter.nodeTemplate"
_POD: Final = f"{_VALUES}.runtime"
_SERVER: Final = f"{_POD}.inferenceApi"
_AGENT: Final = f"{_POD}.queueAgent"
_MODELS: Final = f"{_POD}.persistence"

_SET_BY_THE_STACK: Final = "it had no effect before: the stack sets it"
_NO_TRACING: Final = "tracing is not supported; GET and callbacks contain the times of each task (timings)"
_ONE_MODEL_VOLUME: Final = "the stack creates the volume of the model bucket"


@dataclass(frozen=True, slots=True, kw_only=True)
class OldKey:
    """A key of the existing solution.

    Attributes:
        path: the key in the existing solution, with `[]` for an entry of a list.
        default: its default there, as YAML; empty if it is required or has no default.
        here: the key in this product that has its value; empty if there is none.
        write: what to write instead, if that is more than `here`.
        why: the difference, for the table and messages.
        convert: converts its value; None if there is nothing to convert.
        nothing_lost: values that need no key in this product, or some keys of such a mapping.
        empty_counts: whether an empty value differs from an omitted one.
        of_strings: whether the scalars in its value are strings, including unquoted ones.
        alias_of: the key for which it is an alias.
    """

    path: str
    default: str = ""
    here: str = ""
    write: str = ""
    why: str = ""
    convert: Conversion | None = None
    nothing_lost: tuple[object, ...] = ()
    empty_counts: bool = False
    of_strings: bool = False
    alias_of: str = ""

    def loses_nothing(self, value: object) -> bool:
        """Whether a value needs no key in this product."""
        if isinstance(value, Mapping):
            return any(isinstance(one, Mapping) and one.items() <= value.items() for one in self.nothing_lost)
        return value in self.nothing_lost

    @property
    def instead(self) -> str:
        """What to write instead; empty if nothing replaces it."""
        if self.write or not self.here:
            return self.write
        parent, _, name = self.here.rpartition(".")
        return name if parent and self.path.startswith(f"{parent}.") else self.here.replace(f"{_RUNTIME}.", "")


def sentence_of(path: Sequence[str | int]) -> str | None:
    """The loader's message for a path of a file; None if the existing solution has no such key."""
    advice = advice_of(path)
    return f"is a key of the existing solution; {advice}" if advice else None


def advice_of(path: Sequence[str | int]) -> str | None:
    """What to do with the key at a path of a file; None if the existing solution has no such key."""
    if key := old_key(path):
        return _advice([key.instead] if key.instead else [], key.why)
    below = keys_below(path)
    if not below:
        return None
    instead = list(dict.fromkeys(key.instead for key in below if key.instead))
    return _advice(instead, "" if instead else below[0].why)


def _advice(instead: Sequence[str], why: str) -> str:
    if not instead:
        return f"remove it: {why}"
    *first, last = instead
    written = f"{', '.join(first)} and {last}" if first else last
    return f"instead write {written}{f' ({why})' if why else ''}"


def parts_of(path: str) -> Path:
    """A path as keys from the root, with `[]` for an entry of a list."""
    return tuple(part for part in re.split(r"\.(?!com/)|(?=\[\])", path) if part)


def real_path(path: Sequence[str | int]) -> tuple[str | int, ...]:
    """A path of a file, with aliases replaced by the keys' names."""
    pattern = _pattern(path)
    for alias, name in _ALIASES.items():
        if pattern[: len(alias)] == alias and len(pattern) > len(alias):
            indexes = iter(part for part in path if isinstance(part, int))
            return (*(next(indexes) if part == "[]" else part for part in name), *path[len(alias) :])
    return tuple(path)


def old_key(path: Sequence[str | int]) -> OldKey | None:
    """The key of the existing solution at a path of a file."""
    return _BY_PARTS.get(_pattern(real_path(path)))


def keys_below(path: Sequence[str | int]) -> list[OldKey]:
    """The existing solution's keys below a path of a file."""
    parent = _pattern(real_path(path))
    return [key for parts, key in _BY_PARTS.items() if len(parts) > len(parent) and parts[: len(parent)] == parent]


def names_below(path: Sequence[str | int]) -> set[str]:
    """Names of the existing solution's keys directly below a path of a file."""
    depth = len(real_path(path))
    return {parts_of(key.path)[depth] for key in keys_below(path)}


def _pattern(path: Sequence[str | int]) -> Path:
    return tuple("[]" if isinstance(part, int) else part for part in path)


def _same(
    path: str,
    default: str = "",
    *,
    why: str = "",
    convert: Conversion = conversions.same,
    of_strings: bool = False,
) -> OldKey:
    return OldKey(path=path, default=default, here=path, why=why, convert=convert, of_strings=of_strings)


def _moved(
    path: str,
    default: str,
    here: str,
    *,
    convert: Conversion = conversions.same,
    write: str = "",
    why: str = "",
    empty_counts: bool = False,
    of_strings: bool = False,
) -> OldKey:
    return OldKey(
        path=path,
        default=default,
        here=here,
        convert=convert,
        write=write,
        why=why,
        empty_counts=empty_counts,
        of_strings=of_strings,
    )


def _removed(
    path: str, default: str = "", *, why: str, write: str = "", nothing_lost: tuple[object, ...] = ()
) -> OldKey:
    return OldKey(path=path, default=default, why=why, write=write, nothing_lost=nothing_lost)


OLD_KEYS: Final = (
    _same(
        "stackName", why="the exact name; the existing solution appends Stack: its sdoneks is the stack sdoneksStack"
    ),
    _same("modelBucketArn", why="the bucket is used unchanged; if omitted, the stack creates one"),
    _same("clusterComponents.instanceType", "m7g.large"),
    _same("clusterComponents.desiredCount", "2"),
    _same("APIGW.stageName", "prod"),
    _same("APIGW.throttle.rateLimit", "30"),
    _same("APIGW.throttle.burstLimit", "50"),
    _removed(
        "dynamicModelRuntime",
        write="dynamicModel: true for a runtime, which then runs the checkpoint that a task names",
        why="a key of earlier releases",
        nothing_lost=({"enabled": False},),
    ),
    _same(f"{_RUNTIME}.name", convert=conversions.lower_case, why="lowercase letters, digits and hyphens"),
    _same(f"{_RUNTIME}.namespace", convert=conversions.lower_case, why="optional; the default is `default`"),
    _same(f"{_RUNTIME}.type", convert=conversions.lower_case),
    _same(f"{_RUNTIME}.modelFilename", convert=conversions.of_sdwebui, why="only for sdwebui runtimes"),
    _same(f"{_RUNTIME}.dynamicModel", "false", convert=conversions.of_sdwebui, why="only for sdwebui runtimes"),
    _removed(f"{_RUNTIME}.chartRepository", why="the Kubernetes objects are part of the stack and not of a Helm chart"),
    _removed(f"{_RUNTIME}.chartVersion", why="the Kubernetes objects are part of the stack and not of a Helm chart"),
    _removed(f"{_VALUES}.global", why=_SET_BY_THE_STACK),
    # Nodes.
    _moved(
        f"{_NODES}.instanceType", "[g5.xlarge, g5.2xlarge]", f"{_NODES}.instanceTypes", why="the first is preferred"
    ),
    _moved(
        f"{_NODES}.capacityType",
        "{onDemand: true, spot: true}",
        f"{_NODES}.capacityTypes",
        convert=conversions.capacity_types,
        write="capacityTypes, a list of spot and on-demand",
    ),
    _moved(
        f"{_NODES}.resourceLimits.nvidia.com/gpu",
        "100",
        f"{_NODES}.gpuLimit",
        convert=conversions.whole_number,
        why="by default, the same as maxReplicaCount",
    ),
    _removed(f"{_NODES}.resourceLimits.cpu", why="only GPUs are limited", write="gpuLimit"),
    _removed(f"{_NODES}.resourceLimits.memory", why="only GPUs are limited", write="gpuLimit"),
    _moved(
        f"{_NODES}.disruption.consolidateAfter",
        "30s",
        f"{_NODES}.consolidateAfter",
        convert=conversions.duration,
        why="how long a node is kept after its last pod",
    ),
    _moved(
        f"{_NODES}.disruption.expireAfter",
        "Never",
        f"{_NODES}.expireAfter",
        convert=conversions.duration,
        why="nodes are replaced regularly to receive operating system updates",
    ),
    _removed(
        f"{_NODES}.consolidation",
        "true",
        why="Karpenter removes only empty nodes; it never moves running pods to save cost",
        nothing_lost=(False,),
    ),
    _removed(f"{_NODES}.labels", why="nodes have only the labels of the stack; a runtime's nodes run only its pods"),
    _removed(f"{_NODES}.annotations", why="nodes have only the annotations of the stack"),
    _removed(
        f"{_NODES}.extraRequirements",
        write="instanceTypes, instanceFamilies or capacityReservationIds, or availabilityZones at the top level",
        why="Karpenter requirements are not supported",
    ),
    _removed(f"{_NODES}.extraTaints", why="a runtime's nodes have the taint nvidia.com/gpu and run only its pods"),
    _removed(f"{_TEMPLATE}.iamRole", why=_SET_BY_THE_STACK),
    _removed(
        f"{_TEMPLATE}.securityGroupSelector",
        why="it had no effect before",
        write="network.existingVpc.securityGroupIds",
    ),
    _removed(f"{_TEMPLATE}.subnetSelector", why="it had no effect before", write="network.existingVpc.privateSubnets"),
    _moved(
        f"{_TEMPLATE}.tags",
        "",
        "tags",
        convert=conversions.node_tags,
        of_strings=True,
        write="tags at the top level",
        why="they apply to all resources and nodes, not to the nodes of one runtime",
    ),
    _removed(f"{_TEMPLATE}.amiFamily", "Bottlerocket", why="nodes run Bottlerocket", nothing_lost=("Bottlerocket",)),
    _moved(
        f"{_TEMPLATE}.instanceStorePolicy",
        "RAID0",
        f"{_TEMPLATE}.nvmeAndSoci",
        convert=conversions.nvme,
        empty_counts=True,
        why="on by default, like RAID0 before, unless snapshotId is set",
    ),
    _moved(
        f"{_TEMPLATE}.userData",
        "",
        f"{_TEMPLATE}.nvmeAndSoci",
        convert=conversions.user_data,
        empty_counts=True,
        why="the stack sets the Bottlerocket settings; false has the effect of an empty userData",
    ),
    _removed(f"{_TEMPLATE}.osVolume", why="the stack sets the volume of the operating system"),
    _moved(f"{_TEMPLATE}.dataVolume.volumeSize", "", f"{_TEMPLATE}.diskSizeGib", convert=conversions.gibibytes),
    _moved(
        f"{_TEMPLATE}.dataVolume.throughput", "", f"{_TEMPLATE}.diskThroughputMibS", convert=conversions.whole_number
    ),
    _moved(f"{_TEMPLATE}.dataVolume.iops", "", f"{_TEMPLATE}.diskIops", convert=conversions.whole_number),
    _moved(
        f"{_TEMPLATE}.dataVolume.snapshotID",
        "",
        f"{_TEMPLATE}.snapshotId",
        why="of a volume that contains this product's images",
    ),
    _removed(f"{_TEMPLATE}.dataVolume.volumeType", why="the volume is of type gp3", nothing_lost=("gp3",)),
    _removed(
        f"{_TEMPLATE}.dataVolume.deleteOnTermination",
        why="the volume is deleted with its instance",
        nothing_lost=(True,),
    ),
    # Scaling.
    _removed(
        f"{_POD}.scaling.enabled",
        "true",
        write="the same minReplicaCount and maxReplicaCount",
        why="KEDA always sets the replicas",
        nothing_lost=(True,),
    ),
    _same(f"{_POD}.scaling.queueLength", "10", why="by default, what one replica completes in a minute"),
    _same(f"{_POD}.scaling.cooldownPeriod", "60"),
    _same(f"{_POD}.scaling.maxReplicaCount", "20"),
    _same(f"{_POD}.scaling.minReplicaCount", "0"),
    _same(f"{_POD}.scaling.pollingInterval", "1"),
    _removed(
        f"{_POD}.scaling.scaleOnInFlight",
        "false",
        why="it had no effect before; running tasks count as well as waiting ones",
    ),
    _moved(
        f"{_POD}.scaling.extraHPAConfig",
        "",
        f"{_POD}.scaling.behavior",
        convert=conversions.behavior,
        write="behavior.scaleUp and behavior.scaleDown, each with pods and periodSeconds",
    ),
    _removed(
        f"{_POD}.replicas",
        "1",
        write="scaling.minReplicaCount and scaling.maxReplicaCount",
        why="KEDA sets the replicas",
    ),
    # The pod.
    _removed(f"{_POD}.type", why=_SET_BY_THE_STACK),
    _removed(f"{_POD}.serviceAccountName", why=_SET_BY_THE_STACK),
    *(
        _same(f"{_POD}.{name}", why=f"{name} of the pods; before, of the objects that contain them", of_strings=True)
        for name in ("labels", "annotations")
    ),
    *(
        OldKey(
            path=f"{_SERVER}.image{part}",
            default=default,
            here="" if part else f"{_SERVER}.image",
            write="image.reference, an image with its digest, or nothing",
            why="by default, cdk deploy builds this product's image",
            convert=conversions.server_image if not part else None,
        )
        for part, default in (("", ""), (".repository", "the solution's own"), (".tag", "latest"))
    ),
    _removed(f"{_SERVER}.modelFilename", write="modelFilename of the runtime", why="it had no effect before"),
    _removed(
        f"{_SERVER}.modelMountPath",
        "/opt/ml/code/models",
        why="the environment variable MODELS_DIR contains the directory",
    ),
    _moved(
        f"{_SERVER}.commandArguments",
        "",
        f"{_SERVER}.args",
        convert=conversions.arguments,
        of_strings=True,
        write="args, a list of words",
    ),
    _moved(
        f"{_SERVER}.extraEnv",
        "",
        f"{_SERVER}.env",
        convert=conversions.variables,
        of_strings=True,
        write="env, a mapping of strings",
    ),
    _removed(
        f"{_SERVER}.imagePullPolicy",
        "IfNotPresent",
        why="an image with a digest is pulled once",
        nothing_lost=("IfNotPresent",),
    ),
    *(
        _same(f"{_SERVER}.resources.{kind}.{name}", default, convert=convert)
        for kind, name, default, convert in (
            ("limits", "cpu", "", conversions.processors),
            ("limits", "memory", "", conversions.memory),
            ("requests", "cpu", "2500m", conversions.processors),
            ("requests", "memory", "6Gi", conversions.memory),
        )
    ),
    *(
        _removed(f"{_SERVER}.resources.{kind}.nvidia.com/gpu", "1", why="a pod has one GPU", nothing_lost=("1", 1))
        for kind in ("limits", "requests")
    ),
    *(
        _removed(f"{_AGENT}.image{part}", default, why="this product's agent is a different program")
        for part, default in (("", ""), (".repository", "the solution's own"), (".tag", "latest"))
    ),
    _moved(
        f"{_AGENT}.extraEnv",
        "",
        "notifyRunning",
        convert=conversions.agent_variables,
        of_strings=True,
        write="notifyRunning: true for EXP_CALLBACK_WHEN_RUNNING",
        why="this product's agent is a different program, with other variables (env)",
    ),
    _removed(f"{_AGENT}.dynamicModel", write="dynamicModel of the runtime", why="it had no effect before"),
    *(_removed(f"{_AGENT}.{name}", why=_SET_BY_THE_STACK) for name in ("s3Bucket", "snsTopicArn", "sqsQueueUrl")),
    _removed(f"{_AGENT}.modelMountPath", why="it had no effect before"),
    _removed(f"{_AGENT}.commandArguments", why="its only effect was to enable commandArguments of a comfyui runtime"),
    _removed(
        f"{_AGENT}.imagePullPolicy",
        "IfNotPresent",
        why="an image with a digest is pulled once",
        nothing_lost=("IfNotPresent",),
    ),
    *(
        _removed(
            f"{_AGENT}.resources.{kind}", default, why="this product's agent is a different program, which needs less"
        )
        for kind, default in (("limits", ""), ("requests", "{cpu: 500m, memory: 512Mi}"))
    ),
    _removed(f"{_AGENT}.xray", "{enabled: true}", why=_NO_TRACING, nothing_lost=({"enabled": False},)),
    _removed(f"{_AGENT}.XRay", "{enabled: true}", why=_NO_TRACING, nothing_lost=({"enabled": False},)),
    # Models.
    _removed(f"{_MODELS}.enabled", "true", why=_SET_BY_THE_STACK, nothing_lost=(True,)),
    _same(f"{_MODELS}.existingClaim", why="the claim must be in this cluster"),
    _removed(
        f"{_MODELS}.existingVolume",
        write="existingClaim, a claim of that volume",
        why="volumes are referenced by claims",
    ),
    _removed(f"{_MODELS}.labels", why=_ONE_MODEL_VOLUME),
    _removed(f"{_MODELS}.annotations", why=_ONE_MODEL_VOLUME),
    _removed(f"{_MODELS}.storageClass", why=_SET_BY_THE_STACK),
    _removed(f"{_MODELS}.size", "2Ti", why=_ONE_MODEL_VOLUME),
    _removed(f"{_MODELS}.accessModes", "[ReadWriteMany]", why=_ONE_MODEL_VOLUME),
    _removed(f"{_MODELS}.s3.enabled", "true", why=_SET_BY_THE_STACK),
    _removed(f"{_MODELS}.s3.modelBucket", write="modelBucketArn", why=_SET_BY_THE_STACK),
    # Paths of earlier releases.
    OldKey(
        path=f"{_VALUES}.sdWebuiInferenceApi",
        write="runtime, with the same keys",
        why="a key of earlier releases",
        alias_of=_POD,
    ),
    OldKey(
        path=f"{_VALUES}.karpenter.scaling",
        write="extraValues.runtime.scaling",
        why="it had no effect in this place",
        alias_of=f"{_POD}.scaling",
    ),
)

_BY_PARTS: Final = {parts_of(key.path): key for key in OLD_KEYS}
_ALIASES: Final = {parts_of(key.path): parts_of(key.alias_of) for key in OLD_KEYS if key.alias_of}
