"""The synthesis of a configuration: the template and the Kubernetes objects in it."""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks

from sd_on_eks.cdk_app.feature_flags import cdk_context
from sd_on_eks.config.config import Config
from stacks.sd_on_eks_stack import CONSTRUCT_ID, SdOnEKSStack
from template_objects import manifests, objects_of, text_of

Resources = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Synthesis:
    """The result of the synthesis of a configuration.

    Attributes:
        config: the configuration.
        text: the template in the CDK's format.
        resources: its resources by logical ID.
        objects: its Kubernetes objects, with plausible strings for intrinsic functions.
        warnings: warnings of the CDK that are not acknowledged.
    """

    config: Config
    text: str = field(repr=False)
    resources: Resources = field(repr=False)
    objects: list[dict[str, Any]] = field(repr=False)
    warnings: Sequence[str] = ()

    def of_type(self, kind: str) -> Resources:
        """Its resources of a type."""
        return {name: one for name, one in self.resources.items() if one["Type"] == kind}


def make_app(folder: Path, *, validates: bool = False) -> cdk.App:
    """Make an app with the feature flags of cdk.json, which otherwise only the CDK CLI passes, and without slow steps.

    Args:
        folder: folder of the cloud assembly.
        validates: whether the CDK's validator reads the template; it takes longer than the synthesis.
    """
    return cdk.App(
        context=cdk_context() | {"aws:cdk:disable-asset-staging": True},
        builtin_cloud_formation_validation=validates,
        outdir=str(folder),
    )


def synthesis(config: Config, app: cdk.App) -> Synthesis:
    """Synthesize the whole stack, checked by cdk-nag.

    Args:
        config: the configuration.
        app: a new app; its folder is deleted afterwards.

    Raises:
        RuntimeError: the CDK rejects it, or cdk-nag has a finding that is not acknowledged.
    """
    SdOnEKSStack(app, CONSTRUCT_ID, config=config)
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    folder = Path(app.outdir)
    try:
        app.synth()
        text = (folder / f"{CONSTRUCT_ID}.template.json").read_text(encoding="utf-8")
        return replace(synthesis_of(text, config), warnings=[*_warnings(folder)])
    finally:
        shutil.rmtree(folder)


def _warnings(folder: Path) -> Iterator[str]:
    # From the file: jsii does not return metadata entries.
    artifact = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["artifacts"][CONSTRUCT_ID]
    metadata = json.loads((folder / artifact["additionalMetadataFile"]).read_text(encoding="utf-8"))
    for path, entries in metadata.items():
        yield from (f"{path}: {one['data']}" for one in entries if one["type"] in {"aws:cdk:warning", "aws:cdk:error"})


def synthesis_of(text: str, config: Config) -> Synthesis:
    """The contents of a template.

    Args:
        text: the template as the CDK writes it.
        config: the configuration that it was made from.
    """
    resources: Resources = json.loads(text)["Resources"]
    return Synthesis(config=config, text=text, resources=resources, objects=list(_objects(resources)))


def _objects(resources: Resources) -> Iterator[dict[str, Any]]:
    for _, one in manifests({"Resources": resources}):
        yield from objects_of(one["Properties"], plausible)


_PSEUDO_PARAMETERS: Final = {"AWS::Region": "us-east-1", "AWS::Partition": "aws", "AWS::URLSuffix": "amazonaws.com"}


def filled(value: object) -> str:
    """A string, with a plausible value for each intrinsic function."""
    return text_of(value, plausible)


def plausible(intrinsic: Mapping[str, Any]) -> str:
    """A plausible value for an intrinsic function."""
    match intrinsic:
        case {"Fn::Sub": text}:
            return str(text).replace("${", "").replace("}", "").replace("::", "-").lower()
        case {"Fn::Select": [_, {"Fn::Split": [_, inner]}]}:
            return filled(inner)
        case {"Ref": name}:
            return _PSEUDO_PARAMETERS.get(str(name), str(name).replace("::", "-").lower())
        case {"Fn::GetAtt": [name, "ClusterSecurityGroupId"]}:
            return f"sg-{name}".lower()
        case {"Fn::GetAtt": [name, attribute]}:
            return f"{name}-{attribute}".lower()
    raise AssertionError(f"no value for {intrinsic!r}")
