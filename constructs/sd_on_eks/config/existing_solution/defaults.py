"""Defaults that differ: an omitted key has another value in this product than in the existing solution."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import yaml

from sd_on_eks.config.config import Config
from sd_on_eks.config.existing_solution.conversions import Carried
from sd_on_eks.config.existing_solution.keys import OLD_KEYS, OldKey, parts_of
from sd_on_eks.config.runtime import ModelsRuntime

_CONFIG: Final = Config.model_validate_json(
    '{"modelsRuntime": [{"name": "a", "type": "sdwebui", "modelFilename": "m"}]}'
)

# Keys whose default is derived from other keys.
_DERIVED: Final[dict[str, Callable[[ModelsRuntime], object]]] = {
    "instanceTypes": lambda runtime: list(runtime.extra_values.karpenter.provisioner.choices),
    "gpuLimit": lambda _: "maxReplicaCount",
    "nvmeAndSoci": lambda runtime: runtime.extra_values.karpenter.node_template.uses_nvme_and_soci,
    "queueLength": lambda runtime: runtime.extra_values.runtime.scaling.tasks_per_replica,
    "cpu": lambda runtime: runtime.extra_values.runtime.inference_api.whole_resources.requests.cpu,
    "memory": lambda runtime: runtime.extra_values.runtime.inference_api.whole_resources.requests.memory,
}


@dataclass(frozen=True, slots=True)
class OtherDefault:
    """A key whose default differs.

    Attributes:
        key: the key in the existing solution.
        here: its default in this product.
    """

    key: OldKey
    here: str


def default_here(path: str) -> object:
    """Default of a key in this product."""
    *parents, name = parts_of(path)
    if name in _DERIVED and parents[0] == "modelsRuntime":
        return _DERIVED[name](_CONFIG.models_runtime[0])
    value: Any = _CONFIG.model_dump(mode="json", by_alias=True)
    for part in (*parents, name):
        value = value[0 if part == "[]" else part]
    return value


@cache
def other_defaults() -> tuple[OtherDefault, ...]:
    """Keys whose defaults differ, in the order of `OLD_KEYS`."""
    return tuple(_other_defaults())


def _other_defaults() -> Iterator[OtherDefault]:
    for key in OLD_KEYS:
        if not key.default or not key.here or key.convert is None:
            continue
        here = default_here(key.here)
        converted = list(key.convert(parts_of(key.here), yaml.safe_load(key.default), {}))
        if converted and not any(isinstance(one, Carried) and one.value == here for one in converted):
            yield OtherDefault(key, here if isinstance(here, str) else _as_yaml(here))


def _as_yaml(value: object) -> str:
    return (
        yaml.safe_dump(value, default_flow_style=True, width=float("inf"), allow_unicode=True).split("\n...")[0].strip()
    )
