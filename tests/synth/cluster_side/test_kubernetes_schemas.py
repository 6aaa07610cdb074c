"""Every Kubernetes object against its schema, unknown fields refused."""

from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate  # type: ignore[import-untyped]  # the distribution has no types
import pytest
import yaml

CUSTOM_KINDS = {"ScaledObject", "TriggerAuthentication", "NodePool", "EC2NodeClass"}
KUBERNETES = "1.35"


def test_objects_of_built_in_kinds_are_valid(objects: list[dict[str, Any]]) -> None:
    for one in objects:
        if one["kind"] not in CUSTOM_KINDS:
            kubernetes_validate.validate(one, KUBERNETES, strict=True)


def test_objects_of_custom_kinds_are_valid(objects: list[dict[str, Any]], shared_data: Path) -> None:
    schemas = _custom_schemas(shared_data / "crds")
    checked = 0
    for one in objects:
        if one["kind"] in CUSTOM_KINDS:
            jsonschema.validate(one, schemas[one["apiVersion"], one["kind"]])
            checked += 1
    assert checked == 10  # of each runtime: how it scales, with what rights, and its three kinds of nodes


@pytest.mark.parametrize("field", ["spec", "spec.template", "spec.template.spec", "spec.disruption"])
def test_unknown_field_of_a_custom_kind_is_refused(
    objects: list[dict[str, Any]], shared_data: Path, field: str
) -> None:
    schema = _custom_schemas(shared_data / "crds")["karpenter.sh/v1", "NodePool"]
    node_pool = yaml.safe_load(yaml.safe_dump(next(one for one in objects if one["kind"] == "NodePool")))
    target = node_pool
    for name in field.split("."):
        target = target[name]
    target["unknownField"] = 1
    with pytest.raises(jsonschema.ValidationError, match="unknownField"):
        jsonschema.validate(node_pool, schema)


def _custom_schemas(folder: Path) -> dict[tuple[str, str], dict[str, Any]]:
    found = {}
    for path in folder.glob("*.yaml"):
        definition = yaml.safe_load(path.read_text(encoding="utf-8"))["spec"]
        for version in definition["versions"]:
            api_version = f"{definition['group']}/{version['name']}"
            schema = _strict(version["schema"]["openAPIV3Schema"])
            # The API server's own part, which definitions leave open.
            schema["properties"]["metadata"] = {"type": "object"}
            found[api_version, definition["names"]["kind"]] = schema
    return found


def _strict(schema: dict[str, Any]) -> dict[str, Any]:
    """A definition's schema as JSON Schema that refuses unknown fields, as the API server does with `strict`."""
    result = dict(schema)
    if result.pop("x-kubernetes-int-or-string", False):
        result.pop("type", None)
        result["type"] = ["integer", "string"]
    if "properties" in result:
        result["properties"] = {name: _strict(part) for name, part in result["properties"].items()}
        if "additionalProperties" not in result and not result.get("x-kubernetes-preserve-unknown-fields"):
            result["additionalProperties"] = False
    if isinstance(result.get("items"), dict):
        result["items"] = _strict(result["items"])
    if isinstance(result.get("additionalProperties"), dict):
        result["additionalProperties"] = _strict(result["additionalProperties"])
    return result
