"""The upgrade page: its versions, what each upgrade changes in the template, in which order, and what it replaces."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import assertions
from aws_cdk import aws_s3 as s3
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER  # type: ignore[import-untyped]  # the distribution has no types

from sd_on_eks.config.cluster import DEFAULT_KUBERNETES_VERSION
from sd_on_eks.config.config import Config
from sd_on_eks.config.loader import parse_config
from sd_on_eks.config.schema import config_schema
from sd_on_eks.eks_platform import EksPlatform
from stacks.sd_on_eks_stack import CONSTRUCT_ID

pytestmark = pytest.mark.xdist_group("documentation")

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "upgrades.md").read_text(encoding="utf-8")
DEFAULT = (ROOT / "config.yaml").read_text(encoding="utf-8")

Template = dict[str, dict[str, Any]]
Synthesize = Callable[..., dict[str, Any]]
Changes = dict[tuple[str, str], set[str]]
"""Type and logical id without its hash -> the properties that differ; empty if the resource is new or removed."""

REPLACING = {
    "stackName": DEFAULT.replace("stackName: SdOnEKSStack", "stackName: Other"),
    "cluster.ownSecretsKey": DEFAULT + "cluster: {ownSecretsKey: true}\n",
    "network.cidr": DEFAULT + "network: {cidr: 10.1.0.0/16}\n",
    "availabilityZones": DEFAULT + "availabilityZones: [us-east-1a, us-east-1b]\n",
    "clusterComponents.instanceType": DEFAULT.replace("t4g.large", "m5.large"),
    "gpuNodeGroups[].instanceTypes": DEFAULT.replace("instanceTypes: [g5.2xlarge]", "instanceTypes: [g6.2xlarge]"),
    "gpuNodeGroups[].capacityType": DEFAULT.replace("    size: 0\n", "    size: 0\n    capacityType: spot\n"),
    "modelsRuntime[].namespace": DEFAULT.replace("  - name: comfyui\n", "  - name: comfyui\n    namespace: studio\n"),
}
"""config.yaml with one key changed that sets what can only be set at creation."""

IN_PLACE = (
    DEFAULT.replace("desiredCount: 2", "desiredCount: 3").replace(
        "    size: 0\n", "    size: 2\n    mayBeIdle: true\n    diskSizeGib: 300\n"
    )
    + """
network: {natGateways: onePerZone, flowLogs: false}
cluster:
  version: "1.34"
  publicAccessCidrs: [203.0.113.0/24]
  adminRoleArns: ["arn:aws:iam::111122223333:role/platform"]
  observability: true
  nodeMonitoring: true
  nodeRepair: true
"""
)
"""config.yaml with all other keys of the EKS platform changed at once."""

NOT_TRIED = {
    "cluster.endpointAccess": "excludes publicAccessCidrs; a part of ResourcesVpcConfig, as that is",
    "gpuNodeGroups[].name": "another name is another group",
    "network.existingVpc": "another network, which a cluster cannot move to",
}


def changes(before: Template, after: Template) -> Changes:
    found: Changes = {}
    for logical_id in before.keys() | after.keys():
        old, new = before.get(logical_id, {}), after.get(logical_id, {})
        if old != new:
            kind = (old or new)["Type"]
            both = bool(old and new)
            differing = set(_paths_that_differ(old["Properties"], new["Properties"])) if both else set[str]()
            found[kind, re.sub("[0-9A-F]{8}$", "", logical_id)] = differing
    return found


def _paths_that_differ(old: object, new: object, path: str = "") -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in old.keys() | new.keys():
            yield from _paths_that_differ(old.get(key), new.get(key), f"{path}/{key}")
    elif old != new:
        yield path.removeprefix("/")


def create_only(found: Changes) -> set[tuple[str, str]]:
    """Properties among the changed ones that the resource's schema allows to be set at creation only."""
    return {
        (kind, fixed)
        for (kind, _), differing in found.items()
        if kind.startswith(("AWS::EC2::", "AWS::EKS::"))
        for fixed in _create_only_properties(kind)
        if any(path == fixed or path.startswith(f"{fixed}/") for path in differing)
    }


def _create_only_properties(kind: str) -> list[str]:
    schema: dict[str, Any] = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
    return [path.removeprefix("/properties/") for path in schema.get("createOnlyProperties", [])]


def rows(heading: str) -> list[list[str]]:
    """Cells of the table whose first column has this heading."""
    table = PAGE[PAGE.index(f"| {heading} |") :].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table]


VERSIONS = [(what, version, file.strip("`"), name.strip("`")) for what, version, file, name in rows("What")]


@pytest.fixture(scope="module")
def resources_of(synthesize: Synthesize) -> Callable[[str], Template]:
    def make(text: str) -> Template:
        return dict(synthesize(parse_config(text, "config.yaml"))["Resources"])

    return make


@pytest.fixture(scope="module")
def cluster_of(make_app: Callable[[], cdk.App]) -> Callable[[str], Template]:
    """Resources of the EKS platform without runtimes, which takes a third of the time."""

    def make(text: str) -> Template:
        config = parse_config(text, "config.yaml")
        stack = cdk.Stack(make_app(), CONSTRUCT_ID, stack_name=config.stack_name)
        EksPlatform(stack, config=config, model_bucket=s3.Bucket.from_bucket_name(stack, "Models", "models"))
        return dict(assertions.Template.from_stack(stack).to_json()["Resources"])

    return cache(make)


@pytest.mark.parametrize(("what", "version", "file", "name"), VERSIONS)
def test_version_is_the_code_s(what: str, version: str, file: str, name: str) -> None:
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    stated = re.compile(rf"\b{re.escape(name)}\b.*[\"=]{re.escape(version)}(\"|$)")
    assert any(stated.search(line) for line in lines), what


def test_no_version_of_the_eks_platform_is_missing() -> None:
    constants = {
        (file.relative_to(ROOT).as_posix(), name)
        for file in (ROOT / "constructs" / "sd_on_eks").rglob("*.py")
        for name in re.findall(
            r'^(\w*VERSION|BOTTLEROCKET_ALIAS): Final = "', file.read_text(encoding="utf-8"), re.MULTILINE
        )
    }
    assert len(constants) > 8
    assert constants <= {(file, name) for _, _, file, name in VERSIONS}


def upgrade_steps() -> list[tuple[str, str, str]]:
    """Type, add-on and property of each change that the page lists for an upgrade of Kubernetes, in its order."""
    return re.findall(r"^\d\. `(AWS::\w+::\w+)` ?([\w-]*): `(\w+)`$", PAGE, re.MULTILINE)


def test_kubernetes_upgrade_changes_what_the_page_lists_and_nothing_else(
    resources: Template, resources_of: Callable[[str], Template]
) -> None:
    before, after = re.findall(r"From (\S+) to (\S+)\s+`make diff`", PAGE)[0]
    assert after == DEFAULT_KUBERNETES_VERSION
    older = resources_of(DEFAULT + f'cluster: {{version: "{before}"}}\n')
    assert older.keys() == resources.keys()
    found = {
        (new["Type"], new["Properties"].get("AddonName", ""), path)
        for logical_id, new in resources.items()
        for path in _paths_that_differ(older[logical_id], new)
    }
    assert found == {(kind, addon, f"Properties/{name}") for kind, addon, name in upgrade_steps()}


def test_kubernetes_upgrade_goes_in_the_page_s_order(
    resources: Template, made_before: Callable[[str], set[str]]
) -> None:
    ids = [
        next(
            logical_id
            for logical_id, one in resources.items()
            if one["Type"] == kind and one["Properties"].get("AddonName", "") == addon
        )
        for kind, addon, _ in upgrade_steps()
    ]
    assert len(ids) == 3
    for earlier, later in pairwise(ids):
        assert earlier in made_before(later)


def test_node_groups_have_no_version_that_an_upgrade_would_change(resources: Template) -> None:
    groups = [one["Properties"] for one in resources.values() if one["Type"] == "AWS::EKS::Nodegroup"]
    assert groups
    assert not [group for group in groups if group.keys() & {"Version", "ReleaseVersion"}]


UPGRADES: dict[str, tuple[str, Changes]] = {
    "Bottlerocket": (
        "sd_on_eks.manifests.ec2_node_class.BOTTLEROCKET_ALIAS",
        {
            ("Custom::AWSCDK-EKS-KubernetesResource", f"Runtimes{runtime.name}WorkloadManifest"): {"Manifest/Fn::Join"}
            for runtime in parse_config(DEFAULT, "config.yaml").models_runtime
        },
    ),
    "Karpenter": (
        "sd_on_eks.autoscaling.karpenter.construct.VERSION",
        {
            ("Custom::AWSCDK-EKS-HelmChart", "KarpenterCrds"): {"Version"},
            ("Custom::AWSCDK-EKS-HelmChart", "KarpenterChart"): {"Version"},
        },
    ),
    "KEDA": ("sd_on_eks.autoscaling.keda.VERSION", {("Custom::AWSCDK-EKS-HelmChart", "KedaChart"): {"Version"}}),
}
"""Where the version of each is, and what changes with it."""


def test_other_upgrades_change_what_uses_the_version_alone(
    resources: Template, synthesize: Synthesize, default_config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place, _ in UPGRADES.values():
        monkeypatch.setattr(place, "bottlerocket@v9.9.9" if place.endswith("ALIAS") else "9.9.9")
    after = synthesize(default_config)["Resources"]
    # All at once: a synthesis for each would find nothing more, as no two of them change the same resource.
    assert changes(resources, after) == {key: paths for _, found in UPGRADES.values() for key, paths in found.items()}


def test_karpenter_s_crds_are_upgraded_before_karpenter(
    resources: Template, made_before: Callable[[str], set[str]]
) -> None:
    charts = {
        one["Properties"]["Release"]: logical_id
        for logical_id, one in resources.items()
        if one["Type"] == "Custom::AWSCDK-EKS-HelmChart"
    }
    assert charts["karpenter-crd"] in made_before(charts["karpenter"])


def replaced(cell: str) -> set[tuple[str, str]]:
    return set(re.findall(r"`(AWS::\w+::\w+)` `(\w+)`", cell))


def test_page_lists_the_keys_that_replace() -> None:
    assert [key.strip("`") for key, _, _ in rows("Key")] == [*REPLACING]


@pytest.mark.parametrize("row", rows("Key"), ids=lambda row: row[0])
def test_key_sets_what_can_only_be_set_at_creation(
    resources: Template,
    resources_of: Callable[[str], Template],
    cluster_of: Callable[[str], Template],
    row: list[str],
) -> None:
    key, properties, _ = row
    text = REPLACING[key.strip("`")]
    of_runtime = "modelsRuntime" in key
    found = changes(resources, resources_of(text)) if of_runtime else changes(cluster_of(DEFAULT), cluster_of(text))
    assert create_only(found) == replaced(properties)


def test_no_other_key_of_the_cluster_replaces_anything(cluster_of: Callable[[str], Template]) -> None:
    found = changes(cluster_of(DEFAULT), cluster_of(IN_PLACE))
    assert {kind for kind, _ in found} >= {"AWS::EKS::Cluster", "AWS::EKS::Nodegroup", "AWS::EC2::LaunchTemplate"}
    assert create_only(found) == set()


def test_every_key_of_the_cluster_was_tried() -> None:
    tried = {*REPLACING, *NOT_TRIED, *_keys_of(IN_PLACE)}
    assert set(_cluster_keys()) - tried == set()


def _keys_of(text: str) -> Iterator[str]:
    """Keys of the EKS platform that differ from config.yaml."""
    before, after = (json.loads(parse_config(one, "x").model_dump_json(by_alias=True)) for one in (DEFAULT, text))
    for section in ("network", "cluster", "clusterComponents"):
        yield from (f"{section}.{key}" for key in after[section] if after[section][key] != before[section][key])
    (old,), (new,) = before["gpuNodeGroups"], after["gpuNodeGroups"]
    yield from (f"gpuNodeGroups[].{key}" for key in new if new[key] != old[key])


def _cluster_keys() -> Iterator[str]:
    definitions: Mapping[str, Any] = config_schema()["$defs"]
    for section, model in (
        ("network", "Network"),
        ("cluster", "ClusterConfig"),
        ("clusterComponents", "ClusterComponents"),
        ("gpuNodeGroups[]", "GpuNodeGroup"),
    ):
        yield from (f"{section}.{key}" for key in definitions[model]["properties"])


def test_move_deletes_what_would_go_on_working_in_the_old_namespace(
    resources: Template, fill: Callable[[object], str]
) -> None:
    manifest = resources["RuntimescomfyuiWorkloadManifest786EE8C7"]["Properties"]["Manifest"]
    namespaced = {one["kind"] for one in json.loads(fill(manifest)) if "namespace" in one["metadata"]}
    deleted = re.findall(r"^kubectl delete (\S+) --namespace OLD", PAGE, re.MULTILINE)
    # A claim does nothing by itself, and pods that drain still mount it.
    assert {f"{kind.lower()}s" for kind in namespaced - {"PersistentVolumeClaim"}} == set(",".join(deleted).split(","))
    # Otherwise the command returns while pods drain.
    assert re.findall(r"^kubectl delete deployments .*--cascade=foreground$", PAGE, re.MULTILINE)


def test_ids_that_the_page_names_are_the_template_s(resources: Template) -> None:
    ids = re.findall(r"\b[A-Z][A-Za-z]+[0-9A-F]{8}\b", PAGE)
    assert ids
    assert [one for one in ids if one not in resources] == []


def test_files_that_the_page_names_exist() -> None:
    targets = [target for target in re.findall(r"\]\(([^)#]+)", PAGE) if "://" not in target]
    files = [ROOT / "docs" / target for target in targets]
    files += [ROOT / name for name in re.findall(r"`([\w.-]+(?:/[\w.-]+)+)`", PAGE)]
    assert len(files) > 15
    assert [file for file in files if not file.exists()] == []
