"""docs/configuration.md: it contains every key once, with a description."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from sd_on_eks.config.config import Config
from sd_on_eks.config.reference import reference_text

KEY = re.compile(r"^(?:- \*\*`(?P<key>[^`]+)`\*\*: |##+ `(?P<section>[^`]+)`$)", re.MULTILINE)


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (tuple, Annotated, Union, UnionType):
        for argument in get_args(annotation):
            yield from models_in(argument)


def fields_of(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every field at every place, by its path in dotted notation."""
    for field in model.model_fields.values():
        inner = list(models_in(field.annotation))
        path = f"{prefix}{field.alias}{'[]' if inner and get_origin(field.annotation) is tuple else ''}"
        yield path, field
        for one in inner:
            yield from fields_of(one, f"{path}.")


FIELDS = dict(fields_of(Config))


@cache
def entries() -> Mapping[str, str]:
    """The text of the page about each key: `network.cidr` -> type, default and description."""
    page = reference_text()
    found = list(KEY.finditer(page))
    ends = [one.start() for one in found[1:]] + [len(page)]
    paths = [one["key"] or one["section"] for one in found]
    assert len(paths) == len(set(paths)), "a key appears twice"
    return {path: page[one.end() : end] for path, one, end in zip(paths, found, ends, strict=True)}


def test_every_key_of_the_model_appears_once() -> None:
    assert entries().keys() == FIELDS.keys()


def test_keys_with_plain_values_are_in_the_order_of_the_model() -> None:
    plain = [path for path, field in FIELDS.items() if not list(models_in(field.annotation))]
    for section in {path.rpartition(".")[0] for path in plain}:
        of_section = [path for path in plain if path.rpartition(".")[0] == section]
        assert [path for path in entries() if path in of_section] == of_section


@pytest.mark.parametrize("path", [path for path, field in FIELDS.items() if not field.is_required()])
def test_a_key_with_a_default_has_a_description(path: str) -> None:
    _facts, _, description = entries()[path].strip().partition("\n\n")
    assert len(description.strip()) >= 20, (
        f"the docstring of {path} must describe the key and give the reason for its default"
    )


@pytest.mark.parametrize(
    ("path", "facts"),
    [
        (
            "stackName",
            "string; must be letters, digits and hyphens, start with a letter and have at most 100 characters.",
        ),
        ("cluster.version", "`1.34` or `1.35`. Default: `1.35`."),
        ("network.existingVpc.vpcId", "string; must be a VPC ID, such as vpc-0123456789abcdef0. Required."),
        ("network.existingVpc.privateSubnets[]", "A list of mappings, 2 or more. Required."),
        ("taskProtocol.clockError", "number, more than 0 and at most 60. Default: `2`."),
        ("taskProtocol.beat", "number, 0.1 to 60. Default: `3`."),
        ("clusterComponents.desiredCount", "whole number, 1 to 10. Default: `2`."),
        ("notifyRunning", "`true` or `false`. Default: `false`."),
        ("modelsRuntime[].extraValues.karpenter.provisioner.gpuLimit", "whole number, 1 to 1000. Optional."),
        (
            "modelsRuntime[].extraValues.karpenter.provisioner.capacityTypes",
            'list of strings, 1 or more; each entry must be `spot` or `on-demand`. Default: `["spot", "on-demand"]`.',
        ),
        (
            "modelsRuntime[].extraValues.karpenter.provisioner.budgets[]",
            'A list of mappings, at most 50 entries. Default: `[{"nodes": "100%", "reasons": ["Empty"]}, ',
        ),
        (
            "modelsRuntime[].extraValues.runtime.queueAgent.env",
            "mapping of strings, at most 100 entries; each key must be the name of an environment variable. Optional.",
        ),
    ],
)
def test_type_bounds_and_default_are_described(path: str, facts: str) -> None:
    assert entries()[path].strip().startswith(facts)
