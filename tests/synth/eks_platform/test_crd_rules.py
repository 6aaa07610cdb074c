"""CEL rules of the CRDs, which JSON Schema cannot express and the API server also applies."""

import copy
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cel
import pytest
import yaml
from cel import stdlib

Objects = list[dict[str, Any]]
Schemas = dict[tuple[str, str], dict[str, Any]]


def _find(text: str, pattern: str) -> str:
    found = re.search(pattern, text)
    return found[0] if found else ""


# Kubernetes adds them to the language: https://kubernetes.io/docs/reference/using-api/cel/#cel-options-language-features-and-libraries
FUNCTIONS: dict[str, Callable[..., Any]] = {"find": _find, "split": stdlib.split}

# Every option that adds a field to an object of a custom kind.
RICH_CONFIG = {
    "tags": {"team": "art"},
    "modelsRuntime": [
        {
            "name": "sd",
            "type": "sdwebui",
            "dynamicModel": True,
            "extraValues": {
                "runtime": {
                    "scaling": {
                        "minReplicaCount": 2,
                        "maxReplicaCount": 2,
                        "schedules": [
                            {"timezone": "Europe/Berlin", "start": "0 8 * * *", "end": "0 18 * * *", "replicas": 2}
                        ],
                    }
                },
                "karpenter": {
                    "provisioner": {
                        "instanceFamilies": ["g6e", "g5"],
                        "capacityTypes": ["on-demand"],
                        "capacityReservationIds": ["cr-0123456789abcdef0"],
                        "budgets": [{"nodes": "0", "schedule": "0 8 * * 1-5", "duration": "10h"}],
                    },
                    "nodeTemplate": {"snapshotId": "snap-0123456789abcdef0", "volumeInitializationRateMibS": 200},
                },
            },
        }
    ],
}


@pytest.fixture(scope="module")
def schemas(shared_data: Path) -> Schemas:
    return _schemas_in(shared_data / "crds")


def _schemas_in(folder: Path) -> Schemas:
    found = {}
    for path in folder.glob("*.yaml"):
        definition = yaml.safe_load(path.read_text(encoding="utf-8"))["spec"]
        for version in definition["versions"]:
            api_version = f"{definition['group']}/{version['name']}"
            found[api_version, definition["names"]["kind"]] = version["schema"]["openAPIV3Schema"]
    return found


@pytest.fixture(scope="module")
def rich_objects(objects_of: Callable[[dict[str, Any]], dict[tuple[str, str], dict[str, Any]]]) -> Objects:
    return list(objects_of(RICH_CONFIG).values())


def _defaulted(value: object, schema: dict[str, Any]) -> Any:
    """The value for the rules: the API server sets defaults first."""
    if isinstance(value, list):
        return [_defaulted(part, schema.get("items", {})) for part in value]
    if not isinstance(value, dict):
        return value
    defaults = {name: part["default"] for name, part in schema.get("properties", {}).items() if "default" in part}
    return {name: _defaulted(part, _part_schema(schema, name)) for name, part in (defaults | value).items()}


def _part_schema(schema: dict[str, Any], name: str) -> dict[str, Any]:
    found = schema.get("properties", {}).get(name, schema.get("additionalProperties"))
    return found if isinstance(found, dict) else {}


def _results(value: object, schema: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    """Message and result of each rule for the value and everything in it."""
    for rule in schema.get("x-kubernetes-validations", []):
        if not _is_transition(rule["rule"]):
            result = cel.evaluate(rule["rule"], cel.Context({"self": value}, FUNCTIONS))
            assert isinstance(result, bool), rule
            yield rule["message"], result
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _results(part, _part_schema(schema, name))
    elif isinstance(value, list):
        for part in value:
            yield from _results(part, schema.get("items", {}))


def _is_transition(rule: str) -> bool:
    """Whether the rule compares with the old object, which does not exist for a new one."""
    return "oldSelf" in rule


def _checked(one: dict[str, Any], schemas: Schemas) -> list[tuple[str, bool]]:
    schema = schemas.get((one["apiVersion"], one["kind"]), {})
    return list(_results(_defaulted(one, schema), schema))


def _broken(one: dict[str, Any], schemas: Schemas) -> list[str]:
    return [message for message, holds in _checked(one, schemas) if not holds]


@pytest.mark.parametrize("which", ["objects", "rich_objects"])
def test_objects_keep_every_rule(request: pytest.FixtureRequest, schemas: Schemas, which: str) -> None:
    objects: Objects = request.getfixturevalue(which)
    evaluated = dict.fromkeys(("NodePool", "EC2NodeClass", "ScaledObject"), 0)
    for one in objects:
        assert _broken(one, schemas) == [], one["metadata"]["name"]
        if one["kind"] in evaluated:
            evaluated[one["kind"]] += len(_checked(one, schemas))
    # Fewer would mean that the rules are no longer found: of one runtime, its two pools, its node class, its scaling.
    runtimes = sum(one["kind"] == "ScaledObject" for one in objects)
    assert evaluated["NodePool"] >= 2 * 25 * runtimes
    assert evaluated["EC2NodeClass"] >= 25 * runtimes
    assert evaluated["ScaledObject"] == runtimes


def test_rich_config_reaches_the_rules_of_optional_fields(rich_objects: Objects, schemas: Schemas) -> None:
    messages = {message for one in rich_objects for message, _ in _checked(one, schemas)}
    assert "expected at least one, got none, ['tags', 'id', 'instanceMatchCriteria']" in messages
    assert "empty tag keys aren't supported" in messages
    volumes = [
        mapping["ebs"]
        for one in rich_objects
        if one["kind"] == "EC2NodeClass"
        for mapping in one["spec"]["blockDeviceMappings"]
    ]
    assert any("volumeInitializationRate" in volume for volume in volumes)


@pytest.mark.parametrize(
    ("kind", "path", "value", "message"),
    [
        (
            "EC2NodeClass",
            "spec.blockDeviceMappings.1.ebs.volumeInitializationRate",
            300,
            "snapshotID must be set when volumeInitializationRate is set",
        ),
        ("EC2NodeClass", "spec.blockDeviceMappings.1.ebs", {}, "snapshotID or volumeSize must be defined"),
        ("EC2NodeClass", "spec.role", "nodes", "must specify exactly one of ['role', 'instanceProfile']"),
        ("EC2NodeClass", "spec.instanceProfile", "", "instanceProfile cannot be empty"),
        (
            "EC2NodeClass",
            "spec.amiSelectorTerms.0.alias",
            "ubuntu@v1",
            "family is not supported, must be one of the following: 'al2', 'al2023', 'bottlerocket',",
        ),
        (
            "EC2NodeClass",
            "spec.amiFamily",
            "AL2",
            "if set, amiFamily must be 'Bottlerocket' or 'Custom' when using a Bottlerocket alias",
        ),
        ("EC2NodeClass", "spec.tags", {"karpenter.sh/nodepool": "sd"}, "karpenter.sh/nodepool"),
        ("EC2NodeClass", "spec.subnetSelectorTerms", [], "subnetSelectorTerms cannot be empty"),
        ("NodePool", "spec.replicas", 1, "'weight' is not supported on static NodePools"),
        ("NodePool", "spec.disruption.budgets.0.schedule", "@daily", "'schedule' must be set with 'duration'"),
        (
            "NodePool",
            "spec.template.spec.requirements.0.key",
            "karpenter.k8s.aws/instance-gpu",
            'label domain "karpenter.k8s.aws" is restricted',
        ),
        (
            "NodePool",
            "spec.template.spec.requirements.0.values",
            [],
            "requirements with operator 'In' must have a value defined",
        ),
        (
            "NodePool",
            "spec.template.metadata.labels",
            {"karpenter.sh/pool": "sd"},
            'label domain "karpenter.sh" is restricted',
        ),
        (
            "ScaledObject",
            "spec.minReplicaCount",
            6,
            "minReplicaCount must be less than or equal to maxReplicaCount",
        ),
    ],
)
def test_broken_object_breaks_its_rule(
    objects: Objects, schemas: Schemas, kind: str, path: str, value: object, message: str
) -> None:
    one = copy.deepcopy(next(one for one in objects if one["kind"] == kind))
    target: Any = one
    *folders, last = path.split(".")
    for name in folders:
        target = target[int(name) if name.isdecimal() else name]
    target[last] = value
    assert any(message in broken for broken in _broken(one, schemas))


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_rules_still_need_the_functions_that_are_added_here(
    objects: Objects, schemas: Schemas, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delitem(FUNCTIONS, name)
    with pytest.raises(RuntimeError, match=f"function: '{name}'"):
        [_checked(one, schemas) for one in objects]
