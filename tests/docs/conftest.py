"""The reference for the pages: the whole stack of a configuration, and the order in which it is created."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import assertions

from sd_on_eks.config.config import Config
from sd_on_eks.config.loader import load_config
from stacks.sd_on_eks_stack import CONSTRUCT_ID, SdOnEKSStack
from tests.synth import synthesis
from tests.synth.template_references import references

_ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def make_app(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], cdk.App]:
    """Create an app with the feature flags of cdk.json, without slow steps."""
    return lambda: synthesis.make_app(tmp_path_factory.mktemp("cdk.out"))


@pytest.fixture(scope="session")
def make_stack(make_app: Callable[[], cdk.App]) -> Callable[..., cdk.Stack]:
    """Create the stack of a configuration in a separate app."""
    return lambda config, **kwargs: SdOnEKSStack(make_app(), CONSTRUCT_ID, config=config, **kwargs)


@pytest.fixture(scope="session")
def synthesize(make_stack: Callable[..., cdk.Stack]) -> Callable[..., dict[str, Any]]:
    """Synthesize the template of a configuration."""

    def make(config: Config, *, serverless_only: bool = False) -> dict[str, Any]:
        return dict(assertions.Template.from_stack(make_stack(config, serverless_only=serverless_only)).to_json())

    return make


@pytest.fixture(scope="session")
def default_config() -> Config:
    """The configuration that comes with the repository."""
    return load_config(_ROOT / "config.yaml")


@pytest.fixture(scope="session")
def resources(synthesize: Callable[..., dict[str, Any]], default_config: Config) -> dict[str, dict[str, Any]]:
    """Resources of `config.yaml`, by logical id."""
    return dict(synthesize(default_config)["Resources"])


@pytest.fixture(scope="session")
def referenced() -> Callable[[object], set[str]]:
    """Find the logical IDs in a part of a template."""
    return lambda value: set(references(value))


@pytest.fixture(scope="session")
def fill() -> Callable[[object], str]:
    """Text of a property, with `${LogicalId}` in place of each token."""
    return _fill


def _fill(value: object) -> str:
    match value:
        case str():
            return value
        case {"Fn::Join": [_, [*parts]]}:
            return "".join(_fill(part) for part in parts)
        case {"Ref": name} | {"Fn::GetAtt": [name, _]}:
            return f"${{{name}}}"
        case {"Fn::Sub": str(text)}:
            return text.replace("${AWS::", "${")
    raise AssertionError(f"no text for {value!r}")


@pytest.fixture(scope="session")
def made_before(resources: dict[str, dict[str, Any]]) -> Callable[[str], set[str]]:
    """Find everything that is created before a resource, and thus deleted after it, by DependsOn and references."""
    needed = {
        logical_id: (set(resource.get("DependsOn", [])) | set(references(resource.get("Properties", {}))))
        & resources.keys()
        for logical_id, resource in resources.items()
    }

    def find(logical_id: str) -> set[str]:
        found: set[str] = set()
        open_ids = {logical_id}
        while open_ids:
            open_ids = {before for one in open_ids for before in needed[one]} - found
            found |= open_ids
        return found

    return find
