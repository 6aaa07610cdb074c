"""Conversions of the existing solution's configuration values: one function for each kind of value.

Each gets the path in this product's configuration, the existing solution's value, and the entry of `modelsRuntime` that
contains it (empty for other keys). It yields what is converted and what is lost. If possible, it keeps a value of the
wrong type unchanged: the loader then reports the error.
"""

import math
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

Path = tuple[str, ...]
"""Keys from the root, with `[]` for the entry of a list: `("modelsRuntime", "[]", "name")`."""

_FOR_TRIALS: Final = "public.ecr.aws/bingjiao/"
"""Registry of the existing solution's images for evaluation."""

_NO_MAPPING: Final = "must be a mapping of keys"

_CAPACITY: Final = {"spot": "spot", "onDemand": "on-demand"}

_GIB: Final = {"Gi": 1, "Ti": 1024, "G": 1e9 / 2**30, "T": 1e12 / 2**30}
_BYTES: Final = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12} | {
    unit: 1024**power for power, unit in enumerate(("Ki", "Mi", "Gi", "Ti"), start=1)
}
"""https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/"""


@dataclass(frozen=True, slots=True)
class Carried:
    """A value that is converted.

    Attributes:
        path: the key in this product.
        value: its value in this product.
    """

    path: Path
    value: object


@dataclass(frozen=True, slots=True)
class Lost:
    """A value that cannot be converted.

    Attributes:
        message: the reason, and what to do.
    """

    message: str


Converted = Iterator[Carried | Lost]
Conversion = Callable[[Path, object, Mapping[str, object]], Converted]


def is_comfyui(runtime: Mapping[str, object]) -> bool:
    """Whether an entry of `modelsRuntime` is a ComfyUI."""
    return str(runtime.get("type")).lower() == "comfyui"


def same(here: Path, value: object, _runtime: Mapping[str, object]) -> Converted:
    """The same value."""
    yield Carried(here, value)


def lower_case(here: Path, value: object, _runtime: Mapping[str, object]) -> Converted:
    """A name, which the existing solution converts to lowercase."""
    yield Carried(here, value.lower() if isinstance(value, str) else value)


def of_sdwebui(here: Path, value: object, runtime: Mapping[str, object]) -> Converted:
    """A checkpoint, which comfyui runtimes ignored."""
    if not is_comfyui(runtime):
        yield Carried(here, value)
    elif value:
        yield Lost("it had no effect on a comfyui runtime, whose workflows name their models")


def whole_number(here: Path, value: object, _runtime: Mapping[str, object]) -> Converted:
    """A number that can be quoted."""
    yield Carried(here, int(str(value)) if re.fullmatch("[0-9]{1,9}", str(value)) else value)


def duration(here: Path, value: object, _runtime: Mapping[str, object]) -> Converted:
    """A Karpenter duration. `Never` is not supported."""
    if value == "Never":
        yield Lost(f"Never is not supported: write a long {here[-1]}, such as 8760h, or keep the default")
    else:
        yield Carried(here, value)


def capacity_types(here: Path, value: object, _runtime: Mapping[str, object]) -> Converted:
    """Two switches, both on by default, as a list."""
    allowed: dict[str, object] = dict.fromkeys(_CAPACITY, True)
    if not isinstance(value, Mapping):
        yield Lost(_NO_MAPPING)
        return
    allowed |= value
    if unknown := [f"{key}: {one}" for key, one in allowed.items() if key not in _CAPACITY or one not in (True, False)]:
        yield Lost(f"must have only the keys spot and onDemand, each true or false, got {', '.join(unknown)}")
        return
    names = [name for key, name in _CAPACITY.items() if allowed[key]]
    if names:
        yield Carried(here, names)
    else:
        yield Lost(
            "it allowed neither spot nor on-demand, thus no nodes: write capacityTypes with at least one of them"
        )


def gibibytes(here: Path, value: object, _runtime: Mapping[str, object]) -> Converted:
    """The size of a volume as a number of GiB."""
    found = re.fullmatch(r"([0-9]{1,6})(Gi|Ti|G|T)", str(value))
    yield Carried(here, math.ceil(int(found[1]) * _GIB[found[2]]) if found else value)


def processors(here: Path, value: object, _runtime: Mapping[str, object]) -> Converted:
    """An amount of CPU, which can be a fraction in the existing solution."""
    found = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)(m?)", str(value))
    if found:
        millicores = math.ceil(Decimal(found[1]) * (1 if found[2] else 1000))
        value = f"{millicores}m" if millicores % 1000 else f"{millicores // 1000}"
    yield Carried(here, value)


def memory(here: Path, value: object, _runtime: Mapping[str, object]) -> Converted:
    """An amount of memory in any Kubernetes unit."""
    found = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,3})?)(|[kMGT]|[KMGT]i)", str(value))
    if found:
        mebibytes = math.ceil(Decimal(found[1]) * _BYTES[found[2]] / 2**20)
        value = f"{mebibytes}Mi" if mebibytes % 1024 else f"{mebibytes // 1024}Gi"
    yield Carried(here, value)


def nvme(here: Path, value: object, _runtime: Mapping[str, object]) -> Converted:
    """The instance store policy: RAID0, which is also this product's default, or none."""
    if not value:
        yield Carried(here, value=False)
    elif value != "RAID0":
        yield Lost("only RAID0 and no policy are supported; nvmeAndSoci enables and disables it")


def user_data(here: Path, value: object, _runtime: Mapping[str, object]) -> Converted:
    """Bottlerocket settings; an empty string is the documented way to pull images without SOCI."""
    if value:
        yield Lost("the stack sets the Bottlerocket settings; nvmeAndSoci enables and disables the parallel pull")
    else:
        yield Carried(here, value=False)


def node_tags(here: Path, value: object, _runtime: Mapping[str, object]) -> Converted:
    """Tags of the nodes of one runtime."""
    if value:
        yield Carried(here, value)


def behavior(here: Path, value: object, _runtime: Mapping[str, object]) -> Converted:
    """The behavior of the HorizontalPodAutoscaler. This product supports one policy for each direction."""
    if not isinstance(value, Mapping):
        yield Lost(_NO_MAPPING)
        return
    for direction, rule in value.items():
        match rule:
            case {
                "policies": [{"type": "Pods", "value": pods, "periodSeconds": period, **more}],
                **others,
            } if not more:
                converted = {"pods": pods, "periodSeconds": period}
            case {"stabilizationWindowSeconds": _, **more} if not more:
                others, converted = dict(rule), {}
            case _:
                yield Lost(f"{direction} can have only one policy of type Pods: write behavior.{direction}")
                continue
        if "stabilizationWindowSeconds" in others:
            converted["stabilizationWindowSeconds"] = others.pop("stabilizationWindowSeconds")
        yield Carried((*here, str(direction)), converted)
        if others:
            yield Lost(f"behavior.{direction} does not support {', '.join(map(str, others))}")


def server_image(here: Path, value: object, _runtime: Mapping[str, object]) -> Converted:
    """The server image, which this product identifies by digest instead of tag."""
    image = value if isinstance(value, Mapping) else {}
    repository, tag = str(image.get("repository", "")), image.get("tag", "latest")
    if "reference" in image or "build" in image:
        known = {key: one for key, one in image.items() if key in {"reference", "build"}}
        yield Carried(here, known)
        if others := [str(key) for key in image if key not in known]:
            yield Lost(f"image has {' and '.join(known)}, so that {', '.join(others)} would have no effect")
    elif not repository or repository.startswith(_FOR_TRIALS):
        yield Lost("cdk deploy builds this product's image (image.build)")
    else:
        yield Lost(
            f"an image is identified by its digest: write image.reference: {repository}@sha256:<digest of {tag}>, and "
            "its command; docs/migration.md lists the requirements"
        )


def arguments(here: Path, value: object, runtime: Mapping[str, object]) -> Converted:
    """Arguments of the server: a string, which is split like in a shell, or a list of words.

    The existing solution's chart prints a list as `[--a --b]`, which is not a string, so that no pod started with it.
    """
    if isinstance(value, list) and not all(isinstance(word, str) for word in value):
        yield Lost("each entry must be a string: write args, a list of words")
        return
    try:
        words = value if isinstance(value, list) else shlex.split(str(value or ""))
    except ValueError as error:
        yield Lost(f"it cannot be split into words ({error}): write args, a list")
        return
    if words and is_comfyui(runtime) and not _arguments_are_on(runtime):
        yield Lost(f"it had no effect on a comfyui runtime; to use it now, write args: {words}")
    elif words:
        yield Carried(here, words)


def _arguments_are_on(runtime: Mapping[str, object]) -> bool:
    """Whether the existing solution passes a comfyui runtime its arguments: only if its agent has some as well."""
    value: object = runtime
    for key in ("extraValues", "runtime", "queueAgent", "commandArguments"):
        value = value.get(key) if isinstance(value, Mapping) else None
    return bool(value)


def variables(here: Path, value: object, _runtime: Mapping[str, object]) -> Converted:
    """Environment variables: a mapping, or a list of names and values as in Kubernetes."""
    carried: dict[str, object] = {}
    for name, one in _named(value):
        if "value" not in one:
            yield Lost(f"{name} has no literal value, and only literal values are supported: write {name} in env")
            continue
        if name in carried:
            yield Lost(f"{name} is defined twice; only the last value had an effect, so {carried[name]} is dropped")
        carried[name] = one["value"]
        if others := [str(key) for key in one if key not in {"name", "value"}]:
            yield Lost(f"{name} has a value, and only literal values are supported, not its {', '.join(others)}")
    if carried:
        yield Carried(here, carried)


def agent_variables(here: Path, value: object, _runtime: Mapping[str, object]) -> Converted:
    """Environment variables of the existing solution's agent, a different program. One of them is now a key.

    Only `true`, case-insensitive, enables it in the existing solution.
    """
    names = []
    for name, one in _named(value):
        setting = one.get("value")
        if name != "EXP_CALLBACK_WHEN_RUNNING":
            names.append(name)
        elif set(one) - {"name"} != {"value"}:
            yield Lost(f"{name} has no literal value: write {here[-1]}: true if it was true")
        elif str(setting).lower() in {"true", "false"}:
            yield Carried(here, value=str(setting).lower() == "true")
        elif setting:
            yield Lost(f"{name} was {setting}, and only true had an effect: write {here[-1]}: true to enable it now")
    if names:
        yield Lost(f"this product's agent is a different program, which does not read {', '.join(names)}")


def _named(value: object) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Names of variables, each with its entry in the Kubernetes list."""
    if isinstance(value, Mapping):
        yield from ((str(name), {"value": text}) for name, text in value.items())
    else:
        for one in value if isinstance(value, list) else [value]:
            yield (str(one["name"]), one) if isinstance(one, Mapping) and "name" in one else (str(one), {})
