"""No update removes what a running pod needs: every step of CloudFormation is simulated."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import aws_cdk as cdk
import pytest
from aws_cdk import assertions

from sd_on_eks.config.loader import parse_config
from stacks.sd_on_eks_stack import CONSTRUCT_ID, SdOnEKSStack
from template_changes import object_changes
from tests.synth.stack_update import Account, RejectedError
from tests.synth.synthesis import Resources

pytestmark = pytest.mark.xdist_group("synth")

ROOT = Path(__file__).parents[2]
BEFORE = """
modelsRuntime:
  - {name: stays, type: comfyui, namespace: studio}
  - {name: goes, type: comfyui, namespace: alone}
  - {name: moves, type: comfyui, namespace: studio}
  - name: volume
    type: comfyui
  - name: claim
    type: comfyui
"""
AFTER = """
modelsRuntime:
  - {name: stays, type: comfyui, namespace: studio, longestTask: 100}
  - {name: comes, type: comfyui, namespace: another}
  - {name: moves, type: comfyui, namespace: another}
  - name: volume
    type: comfyui
    extraValues: {runtime: {persistence: {prefix: checkpoints/}}}
  - name: claim
    type: comfyui
    extraValues: {runtime: {persistence: {existingClaim: fsx}}}
"""
CHANGES = {
    "a setting": ["stays"],
    "a runtime more": ["comes"],
    "a runtime less": ["goes"],
    "another name": ["goes", "comes"],
    "another namespace": ["moves"],
    "another volume": ["volume"],
    "a claim instead of a volume": ["claim"],
}
"""Which runtimes of the configurations above show a change."""


@pytest.fixture(scope="module")
def synthesize(synth_app: Callable[[], cdk.App]) -> Callable[[str], Resources]:
    def make(text: str) -> Resources:
        stack = SdOnEKSStack(synth_app(), CONSTRUCT_ID, config=parse_config(text, "config.yaml"))
        return dict(assertions.Template.from_stack(stack).to_json()["Resources"])

    return make


@pytest.fixture(scope="module")
def before(synthesize: Callable[[str], Resources]) -> Resources:
    return synthesize(BEFORE)


@pytest.fixture(scope="module")
def after(synthesize: Callable[[str], Resources]) -> Resources:
    return synthesize(AFTER)


def only(template: Resources, runtimes: list[str]) -> Resources:
    """A template without the resources of other runtimes."""
    mine = tuple(f"Runtimes{name}" for name in runtimes)
    return {name: one for name, one in template.items() if not name.startswith("Runtimes") or name.startswith(mine)}


@pytest.mark.parametrize("change", CHANGES)
def test_update_removes_nothing_that_draining_pods_need(before: Resources, after: Resources, change: str) -> None:
    account = Account()
    for template in (before, after):
        assert account.deploy(only(template, CHANGES[change])) == []


@pytest.mark.parametrize("change", [change for change in CHANGES if change != "another namespace"])
def test_update_and_rollback_remove_nothing_that_draining_pods_need(
    before: Resources, after: Resources, change: str
) -> None:
    account = Account()
    for template in (before, after, before, after):
        assert account.deploy(only(template, CHANGES[change])) == []


def test_move_back_is_rejected_until_the_retained_association_is_deleted(before: Resources, after: Resources) -> None:
    account = Account()
    for template in (before, after):
        account.deploy(only(template, ["moves"]))
    account.delete_workload("studio", "moves")
    with pytest.raises(RejectedError, match=r"an association of \('studio', 'moves-queue-agent'\) exists"):
        account.deploy(only(before, ["moves"]))
    account.delete_kept_associations()
    assert account.deploy(only(before, ["moves"])) == []


def test_volume_still_exists_after_its_pods_were_replaced(before: Resources, after: Resources) -> None:
    account = Account()
    for template in (before, after):
        account.deploy(only(template, ["volume"]))
    volumes = [kind for kind, _, name in account.objects if name.startswith("volume-models-")]
    assert sorted(volumes) == ["PersistentVolume"] * 2 + ["PersistentVolumeClaim"] * 2


def test_access_and_namespace_of_a_removed_runtime_are_retained_and_its_objects_are_deleted(
    before: Resources, after: Resources
) -> None:
    account = Account()
    for template in (before, after):
        account.deploy(only(template, ["goes"]))
    assert {key for key in account.objects if "goes" in key[2] or key[1] == "alone" or key[2] == "alone"} == {
        ("Namespace", "", "alone"),
        ("NetworkPolicy", "alone", "runtime-pods"),
        ("Role", "alone", "goes-queue-agent"),
        ("RoleBinding", "alone", "goes-queue-agent"),
        ("ServiceAccount", "alone", "goes-queue-agent"),
    }


@pytest.mark.parametrize("change", CHANGES)
def test_diff_says_what_an_update_does(before: Resources, after: Resources, change: str) -> None:
    old, new = (only(template, CHANGES[change]) for template in (before, after))
    found = [*object_changes({"Resources": old}, {"Resources": new})]
    account = Account()
    for template in (old, new):
        account.deploy(template)
    removed = {(one.kind, one.namespace, one.name): one for one in found if one.change == "removed"}
    assert {key for key, one in removed.items() if "stays in the cluster" in one.consequence} == {
        key for key in removed if key in account.objects
    }
    replaced = {(one.namespace, one.name) for one in found if "its pods are replaced" in one.consequence}
    assert replaced == account.rolled


def test_no_manifest_prunes(before: Resources) -> None:
    assert [name for name, one in before.items() if "PruneLabel" in one.get("Properties", {})] == []


PREVIOUS = "4751fa9"
"""The previous release, whose pods may run when the current stack is deployed: its commit."""

SYNTHESIZE = """
import json, sys
from pathlib import Path
import aws_cdk as cdk
from aws_cdk import assertions
from sd_on_eks.jsii_node import use_bundled_node
use_bundled_node()
from sd_on_eks.cdk_context import cdk_context
from sd_on_eks.config.loader import parse_config
from stacks.sd_on_eks_stack import CONSTRUCT_ID, SdOnEKSStack
context = cdk_context() | {"aws:cdk:disable-asset-staging": True}
made = {}
files = [Path("config.yaml"), *Path("docs/examples").glob("*.yaml")]
texts = {path.name: path.read_text(encoding="utf-8") for path in files} | json.load(sys.stdin)
for name, text in texts.items():
    app = cdk.App(context=context, builtin_cloud_formation_validation=False)
    stack = SdOnEKSStack(app, CONSTRUCT_ID, config=parse_config(text, name))
    made[name] = assertions.Template.from_stack(stack).to_json()["Resources"]
json.dump(made, sys.stdout)
"""
CONFIGURATIONS = {
    path.name: path.read_text(encoding="utf-8")
    for path in (ROOT / "config.yaml", *sorted((ROOT / "docs" / "examples").glob("*.yaml")))
}


@pytest.fixture(scope="module")
def previous(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Resources]:
    """Templates of the previous release: of each configuration that came with it, and of the two above."""
    folder = tmp_path_factory.mktemp("previous")
    git = ["git", "-C", str(ROOT)]
    if subprocess.run([*git, "cat-file", "-e", f"{PREVIOUS}^{{commit}}"], capture_output=True, check=False).returncode:  # noqa: S603 (our own command)
        pytest.skip(f"the commit {PREVIOUS} is not in this clone: there is no previous release to update from")
    archive = subprocess.run([*git, "archive", PREVIOUS], capture_output=True, check=True).stdout  # noqa: S603 (as above)
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive, check=True)  # noqa: S603, S607 (as above)
    paths = [folder, folder / "constructs", folder / "runtime_images" / "queue_agent" / "src"]
    texts = subprocess.run(  # noqa: S603 (as above)
        [sys.executable, "-W", "ignore", "-c", SYNTHESIZE],
        input=json.dumps({"before": BEFORE, "after": AFTER}),
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": ":".join(map(str, paths))},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    made: dict[str, Resources] = json.loads(texts)
    return made


@pytest.mark.soak
@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_update_from_the_previous_release_removes_nothing_that_its_pods_need(
    previous: dict[str, Resources], synthesize: Callable[[str], Resources], name: str
) -> None:
    if name not in previous:
        pytest.skip(f"{name} did not come with the previous release")
    account = Account()
    assert account.deploy(previous[name]) == []
    volumes = {key for key in account.objects if key[0].startswith("PersistentVolume")}
    assert account.deploy(synthesize(CONFIGURATIONS[name])) == []
    assert {key for key in account.objects if key[0].startswith("PersistentVolume")} == volumes


@pytest.mark.soak
@pytest.mark.parametrize(
    ("change", "taken"),
    [
        ("a runtime less", {"ServiceAccount goes", "a RoleBinding", "a NetworkPolicy"}),
        ("another namespace", {"the association"}),
        ("another volume", {"PersistentVolumeClaim"}),
    ],
)
def test_what_the_previous_release_removed_is_found(
    previous: dict[str, Resources], change: str, taken: set[str]
) -> None:
    account = Account()
    templates = ("before", "after", "before")[: 2 if change == "another namespace" else 3]
    found = [line for name in templates for line in account.deploy(only(previous[name], CHANGES[change]))]
    assert [one for one in taken if not any(one in line for line in found)] == []
