"""Every key of the existing solution's `config.yaml`: its default there, the key here, and what to write instead.

It is what the loader answers to such a key, what `scripts/convert_config.py` does with it, and a table of
docs/migration.md. The solution is the repository guidance-for-asynchronous-inference-with-stable-diffusion-on-aws of
aws-solutions-library-samples, as of commit bfec8e2; keys of its earlier releases are marked so. Its `extraValues` are
the values of its Helm chart, so each value of the chart is a key.
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

_SET_BY_THE_STACK: Final = "it had no effect there either: the stack sets it"
_NO_TRACING: Final = "nothing is traced here; GET and callbacks have the times of each task (timings)"
_ONE_MODEL_VOLUME: Final = "the stack makes the volume of the model bucket"


@dataclass(frozen=True, slots=True, kw_only=True)
class OldKey:
    """A key of the existing solution.

    Attributes:
        path: the key there, with `[]` for an entry of a list.
        default: its value there when it is left out, as YAML; empty where it must be written or has none.
        here: the key here that has its value; empty where none has it.
        write: what to write instead, where that is more than the key or another one.
        why: what differs, for people.
        convert: how its value is written here; None where it is not.
        nothing_lost: values that need no key here, or some keys of such a mapping.
        empty_counts: whether an empty value is other than none.
        of_strings: whether the scalars in its value are strings, also those that lack their quotes.
        alias_of: the key whose keys it has under another name.
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
        """Whether a value needs no key here."""
        if isinstance(value, Mapping):
            return any(isinstance(one, Mapping) and one.items() <= value.items() for one in self.nothing_lost)
        return value in self.nothing_lost

    @property
    def instead(self) -> str:
        """What to write instead; empty where nothing is."""
        if self.write or not self.here:
            return self.write
        parent, _, name = self.here.rpartition(".")
        return name if parent and self.path.startswith(f"{parent}.") else self.here.replace(f"{_RUNTIME}.", "")


def sentence_of(path: Sequence[str | int]) -> str | None:
    """What the loader says of a path of a file; None where the existing solution has no such key."""
    advice = advice_of(path)
    return f"is a key of the existing solution; {advice}" if advice else None


def advice_of(path: Sequence[str | int]) -> str | None:
    """What to do with the key at a path of a file; None where the existing solution has no such key."""
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
    """A path as keys from the top, with `[]` for an entry of a list."""
    return tuple(part for part in re.split(r"\.(?!com/)|(?=\[\])", path) if part)


def real_path(path: Sequence[str | int]) -> tuple[str | int, ...]:
    """A path of a file, with a key's name in place of its alias."""
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
    """Names of the existing solution's keys right below a path of a file."""
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


def _gone(path: str, default: str = "", *, why: str, write: str = "", nothing_lost: tuple[object, ...] = ()) -> OldKey:
    return OldKey(path=path, default=default, why=why, write=write, nothing_lost=nothing_lost)


OLD_KEYS: Final = (
    _same("stackName", why="the name as it is; the stack there has Stack appended: sdoneks there is sdoneksStack"),
    _same("modelBucketArn", why="the bucket is used as it is; left out, the stack makes one"),
    _same("clusterComponents.instanceType", "m7g.large"),
    _same("clusterComponents.desiredCount", "2"),
    _same("APIGW.stageName", "prod"),
    _same("APIGW.throttle.rateLimit", "30"),
    _same("APIGW.throttle.burstLimit", "50"),
    _gone(
        "dynamicModelRuntime",
        write="dynamicModel: true at a runtime, which then runs the checkpoint that a task names",
        why="a key of earlier releases",
        nothing_lost=({"enabled": False},),
    ),
    _same(f"{_RUNTIME}.name", convert=conversions.lower_case, why="lower-case letters, digits and dashes"),
    _same(f"{_RUNTIME}.namespace", convert=conversions.lower_case, why="may be left out here: default"),
    _same(f"{_RUNTIME}.type", convert=conversions.lower_case),
    _same(f"{_RUNTIME}.modelFilename", convert=conversions.of_sdwebui, why="of an sdwebui runtime alone"),
    _same(f"{_RUNTIME}.dynamicModel", "false", convert=conversions.of_sdwebui, why="of an sdwebui runtime alone"),
    _gone(
        f"{_RUNTIME}.chartRepository", why="the Kubernetes objects are part of the stack and come from no Helm chart"
    ),
    _gone(f"{_RUNTIME}.chartVersion", why="the Kubernetes objects are part of the stack and come from no Helm chart"),
    _gone(f"{_VALUES}.global", why=_SET_BY_THE_STACK),
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
        why="by default one for each of maxReplicaCount",
    ),
    _gone(f"{_NODES}.resourceLimits.cpu", why="GPUs alone are limited", write="gpuLimit"),
    _gone(f"{_NODES}.resourceLimits.memory", why="GPUs alone are limited", write="gpuLimit"),
    _moved(
        f"{_NODES}.disruption.consolidateAfter",
        "30s",
        f"{_NODES}.consolidateAfter",
        convert=conversions.duration,
        why="how long a node stays after its last pod",
    ),
    _moved(
        f"{_NODES}.disruption.expireAfter",
        "Never",
        f"{_NODES}.expireAfter",
        convert=conversions.duration,
        why="nodes are replaced in the end, to take up fixes of the operating system",
    ),
    _gone(
        f"{_NODES}.consolidation",
        "true",
        why="a node goes when it is empty; a busy one is never moved to save money",
        nothing_lost=(False,),
    ),
    _gone(f"{_NODES}.labels", why="nodes have the stack's labels alone; the runtime's nodes run the runtime's pods"),
    _gone(f"{_NODES}.annotations", why="nodes have the stack's annotations alone"),
    _gone(
        f"{_NODES}.extraRequirements",
        write="instanceTypes, instanceFamilies or capacityReservationIds, or availabilityZones on top",
        why="a list of requirements of Karpenter's is not known here",
    ),
    _gone(f"{_NODES}.extraTaints", why="a runtime's nodes have the taint nvidia.com/gpu and run its pods alone"),
    _gone(f"{_TEMPLATE}.iamRole", why=_SET_BY_THE_STACK),
    _gone(
        f"{_TEMPLATE}.securityGroupSelector", why="it had no effect there", write="network.existingVpc.securityGroupIds"
    ),
    _gone(f"{_TEMPLATE}.subnetSelector", why="it had no effect there", write="network.existingVpc.privateSubnets"),
    _moved(
        f"{_TEMPLATE}.tags",
        "",
        "tags",
        convert=conversions.node_tags,
        of_strings=True,
        write="tags at the top of the file",
        why="they are tags of everything that costs money, not of one runtime's nodes",
    ),
    _gone(f"{_TEMPLATE}.amiFamily", "Bottlerocket", why="nodes run Bottlerocket", nothing_lost=("Bottlerocket",)),
    _moved(
        f"{_TEMPLATE}.instanceStorePolicy",
        "RAID0",
        f"{_TEMPLATE}.nvmeAndSoci",
        convert=conversions.nvme,
        empty_counts=True,
        why="on by default, as RAID0 there, unless snapshotId is set",
    ),
    _moved(
        f"{_TEMPLATE}.userData",
        "",
        f"{_TEMPLATE}.nvmeAndSoci",
        convert=conversions.user_data,
        empty_counts=True,
        why="the stack writes the settings of Bottlerocket; false is what an empty userData was",
    ),
    _gone(f"{_TEMPLATE}.osVolume", why="the volume of the operating system is the stack's"),
    _moved(f"{_TEMPLATE}.dataVolume.volumeSize", "", f"{_TEMPLATE}.diskSizeGib", convert=conversions.gibibytes),
    _moved(
        f"{_TEMPLATE}.dataVolume.throughput", "", f"{_TEMPLATE}.diskThroughputMibS", convert=conversions.whole_number
    ),
    _moved(f"{_TEMPLATE}.dataVolume.iops", "", f"{_TEMPLATE}.diskIops", convert=conversions.whole_number),
    _moved(
        f"{_TEMPLATE}.dataVolume.snapshotID", "", f"{_TEMPLATE}.snapshotId", why="of a volume that holds these images"
    ),
    _gone(f"{_TEMPLATE}.dataVolume.volumeType", why="the volume is of type gp3", nothing_lost=("gp3",)),
    _gone(f"{_TEMPLATE}.dataVolume.deleteOnTermination", why="it goes with its instance", nothing_lost=(True,)),
    # Scaling.
    _gone(
        f"{_POD}.scaling.enabled",
        "true",
        write="the same minReplicaCount and maxReplicaCount",
        why="KEDA always sets the replicas",
        nothing_lost=(True,),
    ),
    _same(f"{_POD}.scaling.queueLength", "10", why="by default what one replica does in a minute"),
    _same(f"{_POD}.scaling.cooldownPeriod", "60"),
    _same(f"{_POD}.scaling.maxReplicaCount", "20"),
    _same(f"{_POD}.scaling.minReplicaCount", "0"),
    _same(f"{_POD}.scaling.pollingInterval", "1"),
    _gone(
        f"{_POD}.scaling.scaleOnInFlight",
        "false",
        why="it had no effect there; tasks that run count as well as those that wait",
    ),
    _moved(
        f"{_POD}.scaling.extraHPAConfig",
        "",
        f"{_POD}.scaling.behavior",
        convert=conversions.behavior,
        write="behavior.scaleUp and behavior.scaleDown, each with pods and periodSeconds",
    ),
    _gone(
        f"{_POD}.replicas",
        "1",
        write="scaling.minReplicaCount and scaling.maxReplicaCount",
        why="KEDA sets the replicas",
    ),
    # The pod.
    _gone(f"{_POD}.type", why=_SET_BY_THE_STACK),
    _gone(f"{_POD}.serviceAccountName", why=_SET_BY_THE_STACK),
    *(
        _same(f"{_POD}.{name}", why=f"{name} of the pods; there of the objects around them", of_strings=True)
        for name in ("labels", "annotations")
    ),
    *(
        OldKey(
            path=f"{_SERVER}.image{part}",
            default=default,
            here="" if part else f"{_SERVER}.image",
            write="image.reference, an image with its digest, or nothing",
            why="by default cdk deploy builds the image of this product",
            convert=conversions.server_image if not part else None,
        )
        for part, default in (("", ""), (".repository", "the solution's own"), (".tag", "latest"))
    ),
    _gone(f"{_SERVER}.modelFilename", write="modelFilename of the runtime", why="it had no effect there"),
    _gone(f"{_SERVER}.modelMountPath", "/opt/ml/code/models", why="the folder is in the variable MODELS_DIR"),
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
    _gone(
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
        _gone(f"{_SERVER}.resources.{kind}.nvidia.com/gpu", "1", why="a pod has one GPU", nothing_lost=("1", 1))
        for kind in ("limits", "requests")
    ),
    *(
        _gone(f"{_AGENT}.image{part}", default, why="the agent here is another program")
        for part, default in (("", ""), (".repository", "the solution's own"), (".tag", "latest"))
    ),
    _moved(
        f"{_AGENT}.extraEnv",
        "",
        "notifyRunning",
        convert=conversions.agent_variables,
        of_strings=True,
        write="notifyRunning: true for EXP_CALLBACK_WHEN_RUNNING",
        why="the agent here is another program, with variables of its own (env)",
    ),
    _gone(f"{_AGENT}.dynamicModel", write="dynamicModel of the runtime", why="it had no effect there"),
    *(_gone(f"{_AGENT}.{name}", why=_SET_BY_THE_STACK) for name in ("s3Bucket", "snsTopicArn", "sqsQueueUrl")),
    _gone(f"{_AGENT}.modelMountPath", why="it had no effect there"),
    _gone(f"{_AGENT}.commandArguments", why="all it did was to let a ComfyUI have its own commandArguments"),
    _gone(
        f"{_AGENT}.imagePullPolicy",
        "IfNotPresent",
        why="an image with a digest is pulled once",
        nothing_lost=("IfNotPresent",),
    ),
    *(
        _gone(f"{_AGENT}.resources.{kind}", default, why="the agent here is another program, which needs less")
        for kind, default in (("limits", ""), ("requests", "{cpu: 500m, memory: 512Mi}"))
    ),
    _gone(f"{_AGENT}.xray", "{enabled: true}", why=_NO_TRACING, nothing_lost=({"enabled": False},)),
    _gone(f"{_AGENT}.XRay", "{enabled: true}", why=_NO_TRACING, nothing_lost=({"enabled": False},)),
    # Models.
    _gone(f"{_MODELS}.enabled", "true", why=_SET_BY_THE_STACK, nothing_lost=(True,)),
    _same(f"{_MODELS}.existingClaim", why="the claim must be in this cluster"),
    _gone(
        f"{_MODELS}.existingVolume", write="existingClaim, a claim of that volume", why="volumes are named by claims"
    ),
    _gone(f"{_MODELS}.labels", why=_ONE_MODEL_VOLUME),
    _gone(f"{_MODELS}.annotations", why=_ONE_MODEL_VOLUME),
    _gone(f"{_MODELS}.storageClass", why=_SET_BY_THE_STACK),
    _gone(f"{_MODELS}.size", "2Ti", why=_ONE_MODEL_VOLUME),
    _gone(f"{_MODELS}.accessModes", "[ReadWriteMany]", why=_ONE_MODEL_VOLUME),
    _gone(f"{_MODELS}.s3.enabled", "true", why=_SET_BY_THE_STACK),
    _gone(f"{_MODELS}.s3.modelBucket", write="modelBucketArn", why=_SET_BY_THE_STACK),
    # Places of earlier releases.
    OldKey(
        path=f"{_VALUES}.sdWebuiInferenceApi",
        write="runtime, with the same keys",
        why="a key of earlier releases",
        alias_of=_POD,
    ),
    OldKey(
        path=f"{_VALUES}.karpenter.scaling",
        write="extraValues.runtime.scaling",
        why="it had no effect there in this place",
        alias_of=f"{_POD}.scaling",
    ),
)

_BY_PARTS: Final = {parts_of(key.path): key for key in OLD_KEYS}
_ALIASES: Final = {parts_of(key.path): parts_of(key.alias_of) for key in OLD_KEYS if key.alias_of}
