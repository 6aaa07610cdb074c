"""The Kubernetes objects in a CloudFormation template of the stack."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

MANIFEST: Final = "Custom::AWSCDK-EKS-KubernetesResource"
"""Type of the resources that are applied with kubectl; each has several objects, as JSON."""


class TemplateError(Exception):
    """A template cannot be read: why, in one sentence."""


class Key(NamedTuple):
    """What an object is known by; a namespace is empty where there is none."""

    kind: str
    namespace: str
    name: str

    @classmethod
    def of(cls, one: Mapping[str, Any]) -> "Key":
        """The key of an object."""
        metadata = one["metadata"]
        return cls(one["kind"], metadata.get("namespace", ""), metadata["name"])

    @property
    def path(self) -> str:
        """Namespace and name."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name

    @property
    def deletion(self) -> str:
        """The command that deletes it."""
        of_namespace = f" --namespace {self.namespace}" if self.namespace else ""
        return f"kubectl delete {self.kind.lower()} {self.name}{of_namespace}"


def reference(intrinsic: Mapping[str, Any]) -> str:
    """The placeholder of an intrinsic function in a string, such as `${Queue.Arn}`; it can be in a JSON string."""
    match intrinsic:
        case {"Ref": str(name)}:
            return f"${{{name}}}"
        case {"Fn::GetAtt": [str(name), str(attribute)]}:
            return f"${{{name}.{attribute}}}"
        case {"Fn::Sub": str(text)}:
            return text
    return "${" + json.dumps(intrinsic, sort_keys=True).replace('"', "").replace("\\", "") + "}"


def text_of(value: object, put_in: Callable[[Mapping[str, Any]], str] = reference) -> str:
    """The text of a property.

    Args:
        value: a string, or what CloudFormation makes one of.
        put_in: gives the text of each intrinsic function but `Fn::Join`.

    Raises:
        TemplateError: it is neither.
    """
    match value:
        case str():
            return value
        case {"Fn::Join": [str(separator), [*parts]]}:
            return separator.join(text_of(part, put_in) for part in parts)
        case dict():
            return put_in(value)
    raise TemplateError(f"the template has {value!r} where a string must be")


def objects_of(
    properties: Mapping[str, Any], put_in: Callable[[Mapping[str, Any]], str] = reference
) -> list[dict[str, Any]]:
    """The objects of a resource of the type `MANIFEST`.

    Args:
        properties: the resource's.
        put_in: as for `text_of`.

    Raises:
        TemplateError: they cannot be read.
    """
    try:
        objects: list[dict[str, Any]] = json.loads(text_of(properties["Manifest"], put_in))
    except ValueError as error:
        raise TemplateError(f"a manifest of the template is not valid JSON: {error}") from error
    return objects


def manifests(template: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Logical id and resource of everything in a template that is applied with kubectl."""
    for logical_id, resource in template["Resources"].items():
        if resource["Type"] == MANIFEST:
            yield logical_id, resource
