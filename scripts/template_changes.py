"""What changes between two templates of the stack: resources in brief, Kubernetes objects and charts as YAML."""

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import yaml

from template_objects import MANIFEST, Key, TemplateError, manifests, objects_of, text_of

HELM_CHART: Final = "Custom::AWSCDK-EKS-HelmChart"
"""Type of the resources that are installed with Helm; each has its values, as JSON."""

SHOWN_AS_YAML: Final[Mapping[str, str]] = {MANIFEST: "Manifest", HELM_CHART: "Values"}
"""Types of resources -> the property that is JSON in a string."""

Change = Literal["added", "changed", "removed"]

_PODS_ARE_REPLACED: Final = "its pods are replaced, one at a time, each after its task"
_NODES_MAY_DRIFT: Final = "Karpenter may replace its nodes as drifted, within the budgets"
_PODS_END: Final = "its pods end, each after its task"
_STAYS: Final = "it stays in the cluster; scripts/leftovers.py lists it"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceChange:
    """A resource that differs.

    Attributes:
        change: what becomes of it.
        logical_id: its logical id.
        type: its type.
        properties: names of the properties that differ; of a changed one alone.
    """

    change: Change
    logical_id: str
    type: str
    properties: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectChange:
    """A Kubernetes object or a chart that differs.

    Attributes:
        change: what becomes of it.
        kind: its kind; `HelmChart` for a chart.
        namespace: its namespace, empty where there is none.
        name: its name.
        consequence: what follows from the change, empty where nothing else does.
        diff: the lines of a unified diff of its YAML.
    """

    change: Change
    kind: str
    namespace: str
    name: str
    consequence: str
    diff: tuple[str, ...]

    @property
    def title(self) -> str:
        """Kind, namespace and name."""
        return f"{self.kind} {Key(self.kind, self.namespace, self.name).path}"


@dataclass(frozen=True, slots=True)
class _Placed:
    """An object, and the resource that it is of."""

    content: Mapping[str, Any]
    resource: Mapping[str, Any]
    logical_id: str


def resource_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[ResourceChange]:
    """Resources that differ, in the order of the new template, then those that it does not have.

    Args:
        old: the template that is deployed.
        new: the one that was synthesized.
    """
    before, after = old["Resources"], new["Resources"]
    for logical_id in [*after, *(name for name in before if name not in after)]:
        was, now = before.get(logical_id), after.get(logical_id)
        if was == now:
            continue
        differing: tuple[str, ...] = ()
        if was is not None and now is not None:
            properties = (was.get("Properties", {}), now.get("Properties", {}))
            names = dict.fromkeys([*properties[0], *properties[1]])
            differing = tuple(name for name in names if properties[0].get(name) != properties[1].get(name))
        yield ResourceChange(
            change=_change(was, now), logical_id=logical_id, type=(now or was)["Type"], properties=differing
        )


def object_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[ObjectChange]:
    """Kubernetes objects and charts that differ, in the order of the new template, then those that it does not have.

    Args:
        old: the template that is deployed.
        new: the one that was synthesized.

    Raises:
        TemplateError: an object cannot be read.
    """
    before, after = _placed(old), _placed(new)
    for key in [*after, *(key for key in before if key not in after)]:
        was, now = before.get(key), after.get(key)
        if was is not None and now is not None and was.content == now.content:
            continue
        deployed, synthesized = (_yaml(one.content) if one is not None else [] for one in (was, now))
        yield ObjectChange(
            change=_change(was, now),
            **key._asdict(),
            consequence=_consequence(key, was, now, new),
            diff=tuple(difflib.unified_diff(deployed, synthesized, "deployed", "synthesized", lineterm="")),
        )


def _change(was: object, now: object) -> Change:
    if was is None:
        return "added"
    return "removed" if now is None else "changed"


def _placed(template: Mapping[str, Any]) -> dict[Key, _Placed]:
    found = {}
    for logical_id, resource in manifests(template):
        for one in objects_of(resource["Properties"]):
            found[Key.of(one)] = _Placed(one, resource, logical_id)
    for logical_id, resource in template["Resources"].items():
        if resource["Type"] == HELM_CHART:
            chart = _chart(resource["Properties"])
            found[Key.of(chart)] = _Placed(chart, resource, logical_id)
    return found


def _chart(properties: Mapping[str, Any]) -> dict[str, Any]:
    """A chart, in the form of an object."""
    texts = {
        name.lower(): text_of(properties[name]) for name in ("Chart", "Repository", "Version") if name in properties
    }
    try:
        values = json.loads(text_of(properties.get("Values", "{}")))
    except ValueError as error:
        raise TemplateError(f"the values of a chart are not valid JSON: {error}") from error
    namespace, name = (text_of(properties[one]) for one in ("Namespace", "Release"))
    return {"kind": "HelmChart", "metadata": {"name": name, "namespace": namespace}, **texts, "values": values}


def _consequence(key: Key, was: _Placed | None, now: _Placed | None, new: Mapping[str, Any]) -> str:
    if was is None:
        return ""
    if now is None:
        is_kept = was.logical_id in new["Resources"] or was.resource.get("DeletionPolicy") == "Retain"
        if is_kept and key.kind != "HelmChart":
            return _STAYS
        return _PODS_END if key.kind == "Deployment" else ""
    specs = [one.content.get("spec", {}) for one in (was, now)]
    templates = [spec.get("template") for spec in specs]
    if key.kind == "Deployment" and templates[0] != templates[1]:
        return _PODS_ARE_REPLACED
    if (key.kind == "NodePool" and templates[0] != templates[1]) or (
        key.kind == "EC2NodeClass" and specs[0] != specs[1]
    ):
        return _NODES_MAY_DRIFT
    return ""


class _Dumper(yaml.SafeDumper):
    """Writes scripts and other texts of several lines as they are."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _represent_text)


def _yaml(one: Mapping[str, Any]) -> list[str]:
    # Sorted, so that the order of keys is no change; the width never folds a line.
    text = yaml.dump(one, Dumper=_Dumper, sort_keys=True, width=2**31, allow_unicode=True)
    return text.splitlines()
