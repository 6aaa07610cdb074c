"""The sample configurations: each is valid, passes all linters, and states its idle cost."""

import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import aws_cdk as cdk
import jsonschema
import pytest
import yaml
from cdk_nag import AwsSolutionsChecks
from cfnlint.api import lint  # type: ignore[import-untyped]  # the distribution has no types
from cfnlint.config import ManualArgs  # type: ignore[import-untyped]  # as above

from sd_on_eks.cdk_app.idle_cost import idle_cost, total_usd_per_month
from sd_on_eks.config.loader import load_config
from sd_on_eks.config.schema import SCHEMA_FILE
from stacks.sd_on_eks_stack import CONSTRUCT_ID

pytestmark = pytest.mark.xdist_group("examples")

EXAMPLES = sorted((Path(__file__).parents[2] / "docs" / "examples").glob("*.yaml"))
REGIONS = {"china": ["cn-northwest-1", "cn-north-1"]}
LIKE_THE_DEFAULT = {"many-models", "small"}

by_name = pytest.mark.parametrize("example", EXAMPLES, ids=[example.stem for example in EXAMPLES])


def introduction(example: Path) -> str:
    """The comment on top, as running text."""
    lines = example.read_text(encoding="utf-8").split("\n\n", 1)[0].splitlines()
    return " ".join(line.removeprefix("#").strip() for line in lines)


def test_examples_are_those_in_the_readme() -> None:
    assert [example.stem for example in EXAMPLES] == ["china", "many-models", "private-vpc", "production-spot", "small"]


@by_name
def test_first_line_names_the_schema_for_editors(example: Path) -> None:
    first = example.read_text(encoding="utf-8").splitlines()[0]
    schema = first.removeprefix("# yaml-language-server: $schema=")
    assert schema != first
    assert (example.parent / schema).resolve() == SCHEMA_FILE


@by_name
def test_example_is_valid_for_editors(example: Path) -> None:
    schema = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    jsonschema.validate(yaml.safe_load(example.read_text(encoding="utf-8")), schema)


@by_name
def test_example_states_its_target_audience(example: Path) -> None:
    assert re.search(r"\bFor \w+", introduction(example))


@by_name
def test_example_states_the_idle_cost_that_is_computed(example: Path) -> None:
    lines = idle_cost(load_config(example))
    assert all(line.unit_usd_per_month is not None for line in lines)
    (stated,) = re.findall(r"Costs about ([\d,]+) US dollars a month while idle", introduction(example))
    assert float(stated.replace(",", "")) == pytest.approx(total_usd_per_month(lines), abs=5)


@by_name
def test_pages_that_an_example_names_exist(example: Path) -> None:
    text = example.read_text(encoding="utf-8")
    for page in re.findall(r"\bdocs/[\w./-]+\.md\b", text):
        assert (example.parents[2] / page).is_file(), page
    for other in re.findall(r"\b[\w-]+\.yaml\b", text):
        assert (example.parent / other).is_file(), other


@pytest.fixture(scope="module")
def assembly_of(make_stack: Callable[..., cdk.Stack]) -> Callable[[Path], Path]:
    """Synthesize an example, with cdk-nag: it fails where there is a finding that is not acknowledged."""

    def make(example: Path) -> Path:
        app = make_stack(load_config(example)).node.root
        assert isinstance(app, cdk.App)
        cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
        return Path(app.synth().directory)

    return cache(make)


def read(assembly: Path, kind: str) -> str:
    return (assembly / f"{CONSTRUCT_ID}.{kind}.json").read_text(encoding="utf-8")


@by_name
def test_cdk_nag_has_no_finding_that_is_not_acknowledged(example: Path, assembly_of: Callable[[Path], Path]) -> None:
    assert json.loads(read(assembly_of(example), "template"))["Resources"]


@pytest.mark.parametrize(
    "example",
    [
        # Their resources have hardly a property that config.yaml's have not.
        pytest.param(example, id=example.stem, marks=[pytest.mark.soak] if example.stem in LIKE_THE_DEFAULT else [])
        for example in EXAMPLES
    ],
)
def test_cfn_lint_has_no_finding(example: Path, assembly_of: Callable[[Path], Path]) -> None:
    # W3005: a DependsOn that a reference makes redundant. The CDK adds them, and they are harmless.
    # W3010: zones by name, which is what `availabilityZones` is for.
    config = ManualArgs(regions=REGIONS.get(example.stem, ["us-east-1"]), ignore_checks=["W3005", "W3010"])
    assert lint(read(assembly_of(example), "template"), config=config) == []


@pytest.mark.parametrize("name", ["china", "private-vpc"])
def test_example_with_images_by_reference_builds_none(name: str, assembly_of: Callable[[Path], Path]) -> None:
    (example,) = [one for one in EXAMPLES if one.stem == name]
    manifest = json.loads(read(assembly_of(example), "assets"))
    assert manifest["files"]
    assert manifest.get("dockerImages", {}) == {}
