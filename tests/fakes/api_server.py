"""Validates objects like the Kubernetes API server, without a server.

By schema: types, unknown fields (as with `strict`), and lists that are sets or maps. By rules outside of schemas:
names, keys and values of labels, tolerations and requirements, keys and size of annotations, and annotations that the
API server or the kubelet of Bottlerocket reads. `test_crd_rules.py` has the CEL rules of custom resource definitions.
"""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import jsonschema
import yaml
from kubernetes_validate.utils import schema_contents  # type: ignore[import-untyped]  # the distribution has no types
from referencing import Registry, Resource

Object = dict[str, Any]

CUSTOM_KINDS: Final = frozenset({"ScaledObject", "TriggerAuthentication", "NodePool", "EC2NodeClass"})

_SUBDOMAIN: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL: Final = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_LONGEST_NAMES: Final = {"Namespace": 63, "ScaledObject": 54}
"""KEDA creates a HorizontalPodAutoscaler with a longer name, which is also a label."""
_MOST_ANNOTATION_BYTES: Final = 256 * 1024
_READ_BY_THE_SERVER: Final = re.compile(
    r"(container\.apparmor\.security\.beta|(container\.)?seccomp\.security\.alpha)\.kubernetes\.io/.*"
    r"|kubernetes\.io/config\.mirror|scheduler\.alpha\.kubernetes\.io/tolerations"
)


class ApiServer:
    """An API server that returns validation errors, and stores nothing.

    Args:
        version: of Kubernetes.
        definitions: folder of custom resource definitions; without it, custom kinds are checked only by the rules.
    """

    def __init__(self, version: str = "1.35", definitions: Path | None = None) -> None:
        self._version = version
        self._definitions = _validators(definitions) if definitions is not None else {}

    def refusals(self, one: Object) -> list[str]:
        """All validation errors of an object, each with its path."""
        return [
            *self._wrong_by_schema(one),
            *_wrong_name(one),
            *_wrong_annotations_in_all(one),
            *_wrong_texts(one),
        ]

    def _wrong_by_schema(self, one: Object) -> list[str]:
        if one["kind"] not in CUSTOM_KINDS:
            validator = _built_in(one["apiVersion"], one["kind"], self._version)
        elif self._definitions:
            validator = self._definitions[one["apiVersion"], one["kind"]]
        else:
            return []
        errors = sorted(validator.iter_errors(one), key=jsonschema.exceptions.relevance, reverse=True)
        return [f"{error.json_path}: {error.message}" for error in errors]


def _list_type(_: Any, kind: str, value: object, schema: Object) -> Iterator[jsonschema.ValidationError]:
    """https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy."""
    if kind not in {"set", "map"} or not isinstance(value, list):
        return
    keys = schema.get("x-kubernetes-list-map-keys")
    seen: list[object] = []
    for number, item in enumerate(value):
        identity = item if keys is None else {key: item.get(key) for key in keys}
        if identity in seen:
            yield jsonschema.ValidationError(f"duplicate {json.dumps(identity)} in a {kind}", path=[number])
        seen.append(identity)


_LIST_TYPE: Final = {"x-kubernetes-list-type": _list_type}
_extended: Final[Any] = jsonschema.validators.extend  # has no types
_BuiltIn: Final = _extended(jsonschema.Draft202012Validator, _LIST_TYPE)
_Custom: Final = _extended(jsonschema.Draft7Validator, _LIST_TYPE)


@cache
def _built_in(api_version: str, kind: str, version: str) -> Any:
    group, _, name = api_version.rpartition("/")
    schema = schema_contents(
        f"{_folder(version)}/{kind.lower()}-{'-'.join(part for part in (group.split('.')[0], name) if part)}.json",
        version,
    )
    return _BuiltIn(schema, registry=Resource.from_contents(schema) @ _definitions_of(version))


@cache
def _definitions_of(version: str) -> Registry[Any]:
    return Resource.from_contents(schema_contents(f"{_folder(version)}/_definitions.json", version)) @ Registry()


def _folder(version: str) -> str:
    return f"kubernetes-json-schema/v{version}.0-local-strict"


@cache
def _validators(folder: Path) -> dict[tuple[str, str], Any]:
    found = {}
    for path in folder.glob("*.yaml"):
        definition = yaml.safe_load(path.read_text(encoding="utf-8"))["spec"]
        for version in definition["versions"]:
            api_version = f"{definition['group']}/{version['name']}"
            schema = _strict(version["schema"]["openAPIV3Schema"])
            # Validated by the API server, not by the definitions.
            schema["properties"]["metadata"] = {"type": "object"}
            found[api_version, definition["names"]["kind"]] = _Custom(schema)
    return found


def _strict(schema: Object) -> Object:
    """The schema of a definition as JSON Schema, which rejects unknown fields."""
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


def _wrong_name(one: Object) -> Iterator[str]:
    name = one["metadata"]["name"]
    if not _SUBDOMAIN.fullmatch(name) or len(name) > _LONGEST_NAMES.get(one["kind"], 253):
        yield f"metadata.name: {name}"


def _wrong_annotations_in_all(one: Object) -> Iterator[str]:
    # As kubectl applies it: https://kubernetes.io/docs/tasks/manage-kubernetes-objects/declarative-config/
    written = json.dumps(one, separators=(",", ":"), ensure_ascii=False)
    # Go's encoder also escapes these: https://pkg.go.dev/encoding/json#Marshal
    size = len(re.sub("[<>&\u2028\u2029]", r"\\u0000", written).encode())
    if size + len("kubectl.kubernetes.io/last-applied-configuration") > _MOST_ANNOTATION_BYTES:
        yield f"metadata.annotations: must have at most {_MOST_ANNOTATION_BYTES} bytes, the last applied one has {size}"


def _parts(value: object, name: str) -> Iterator[Any]:
    """All values with this name, at any depth."""
    if isinstance(value, dict):
        if name in value:
            yield value[name]
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from _parts(part, name)


def _wrong_texts(one: Object) -> Iterator[str]:
    for metadata in _parts(one, "metadata"):
        for key, value in metadata.get("labels", {}).items():
            yield from _wrong(f"labels: {key}={value}", key, value)
        for key in metadata.get("annotations", {}):
            yield from _wrong(f"annotations: {key}", key.lower())
            if _READ_BY_THE_SERVER.fullmatch(key):
                yield f"annotations: {key}"
    for toleration in (one for tolerations in _parts(one, "tolerations") for one in tolerations):
        yield from _wrong(f"tolerations: {toleration}", toleration.get("key", "any"), toleration.get("value", ""))
    for requirement in (one for requirements in _parts(one, "requirements") for one in requirements):
        for value in requirement["values"]:  # Karpenter rejects them, and provisions nothing
            yield from _wrong(f"requirements: {value}", requirement["key"], value)


def _wrong(place: str, key: str, value: str = "") -> Iterator[str]:
    prefix, slash, name = key.rpartition("/")
    has_prefix = not slash or (_SUBDOMAIN.fullmatch(prefix) and len(prefix) <= 253)
    if not (has_prefix and _LABEL.fullmatch(name)) or (value and not _LABEL.fullmatch(value)):
        yield place
