"""scripts/diff.py: what it shows of two templates, and what keeps it from that."""

import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

import diff
from sd_on_eks.cdk_app.jsii_node import use_bundled_node
from template_changes import ObjectChange, object_changes, resource_changes
from template_objects import MANIFEST, TemplateError, reference, text_of

use_bundled_node()


def thing(kind: str, name: str, *, namespace: str = "studio", **more: Any) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": name} | ({"namespace": namespace} if namespace else {}), **more}


def deployment(image: str, *, replicas: int = 1, name: str = "sd") -> dict[str, Any]:
    container = {"name": "queue-agent", "image": image, "command": ["sh", "-c", "set -e\nexec agent\n"]}
    return thing("Deployment", name, spec={"replicas": replicas, "template": {"spec": {"containers": [container]}}})


def resource(*objects: dict[str, Any], **more: Any) -> dict[str, Any]:
    """What the CDK makes of objects: JSON in a string, with references in it."""
    before, _, after = json.dumps(objects, ensure_ascii=False).partition("QUEUE")
    parts = [before, {"Fn::GetAtt": ["Queue1", "QueueName"]}, after] if after else [before]
    return {"Type": MANIFEST, "Properties": {"Manifest": {"Fn::Join": ["", parts]}}, **more}


def chart(version: str, **values: Any) -> dict[str, Any]:
    properties = {
        "Release": "keda",
        "Namespace": "keda",
        "Chart": "keda",
        "Version": version,
        "Values": json.dumps(values),
    }
    return {"Type": "Custom::AWSCDK-EKS-HelmChart", "Properties": properties}


def template(**resources: dict[str, Any]) -> dict[str, Any]:
    return {"Resources": resources}


def only(old: dict[str, Any], new: dict[str, Any]) -> ObjectChange:
    (change,) = object_changes(old, new)
    return change


def test_changed_object_is_a_diff_of_its_yaml() -> None:
    change = only(template(A=resource(deployment("agent:1"))), template(A=resource(deployment("agent:2"))))
    assert (change.change, change.title) == ("changed", "Deployment studio/sd")
    assert change.diff == (
        *("--- deployed", "+++ synthesized", "@@ -13,5 +13,5 @@"),
        *("         - |", "           set -e", "           exec agent"),
        *("-        image: agent:1", "+        image: agent:2", "         name: queue-agent"),
    )


@pytest.mark.parametrize(
    ("old", "new", "consequence"),
    [
        (deployment("agent:1"), deployment("agent:2"), "its pods are replaced, one at a time, each after its task"),
        (deployment("agent:1"), deployment("agent:1", replicas=2), ""),
        (
            thing("NodePool", "sd", spec={"template": {"spec": {"expireAfter": "Never"}}}),
            thing("NodePool", "sd", spec={"template": {"spec": {"expireAfter": "1h"}}}),
            "Karpenter may replace its nodes as drifted, within the budgets",
        ),
        (thing("NodePool", "sd", spec={"weight": 1}), thing("NodePool", "sd", spec={"weight": 2}), ""),
        (
            thing("EC2NodeClass", "sd", spec={"tags": {}}),
            thing("EC2NodeClass", "sd", spec={"tags": {"a": "b"}}),
            "Karpenter may replace its nodes as drifted, within the budgets",
        ),
    ],
)
def test_consequence_of_a_change_is_said(old: dict[str, Any], new: dict[str, Any], consequence: str) -> None:
    assert only(template(A=resource(old)), template(A=resource(new))).consequence == consequence


KEPT = "it stays in the cluster; scripts/leftovers.py lists it"


@pytest.mark.parametrize(
    ("old", "new", "consequence"),
    [
        (template(A=resource(deployment("a"))), template(), "its pods end, each after its task"),
        (template(A=resource(thing("Role", "r"))), template(), ""),
        (template(A=resource(thing("Role", "r"), DeletionPolicy="Retain")), template(), KEPT),
        (template(A=resource(thing("Role", "r"))), template(A=resource()), KEPT),
        (template(A=chart("1")), template(), ""),
    ],
)
def test_consequence_of_a_removal_is_said(old: dict[str, Any], new: dict[str, Any], consequence: str) -> None:
    change = only(old, new)
    assert (change.change, change.consequence) == ("removed", consequence)
    assert all(line.startswith(("-", "+++", "@@")) for line in change.diff)


def test_added_object_is_shown_whole() -> None:
    change = only(template(), template(A=resource(thing("Namespace", "studio", namespace=""))))
    assert (change.change, change.title) == ("added", "Namespace studio")
    assert change.diff[3:] == ("+kind: Namespace", "+metadata:", "+  name: studio")


def test_object_that_another_resource_has_now_is_no_change() -> None:
    old, new = (template(**{name: resource(deployment("agent:1"))}) for name in ("A", "B"))
    assert [*object_changes(old, new)] == []


def test_order_of_keys_is_no_change() -> None:
    one = deployment("agent:1")
    assert [*object_changes(template(A=resource(one)), template(A=resource(dict(reversed(one.items())))))] == []


def test_references_are_shown_by_the_name_of_what_they_refer_to() -> None:
    change = only(template(), template(A=resource(deployment("QUEUE"))))
    assert "+      - command:" in change.diff
    assert any(line.endswith("image: ${Queue1.QueueName}") for line in change.diff)


def test_values_of_a_chart_are_shown_as_yaml() -> None:
    old, new = (template(A=chart(version, operator={"replicas": version})) for version in ("1", "2"))
    change = only(old, new)
    assert (change.title, change.change) == ("HelmChart keda/keda", "changed")
    assert change.diff[-6:] == (
        *(" values:", "   operator:", "-    replicas: '1'", "-version: '1'", "+    replicas: '2'", "+version: '2'"),
    )


@pytest.mark.parametrize(
    ("intrinsic", "text"),
    [
        ({"Ref": "A"}, "${A}"),
        ({"Fn::GetAtt": ["A", "Arn"]}, "${A.Arn}"),
        ({"Fn::Sub": "${AWS::Region}"}, "${AWS::Region}"),
        ({"Fn::Select": [1, {"Fn::Split": [":", {"Ref": "A"}]}]}, "${{Fn::Select: [1, {Fn::Split: [:, {Ref: A}]}]}}"),
    ],
)
def test_reference_can_be_in_a_json_string(intrinsic: dict[str, Any], text: str) -> None:
    assert reference(intrinsic) == text
    assert json.loads(f'"{text}"') == text


def test_resources_are_compared_in_brief() -> None:
    old = template(Goes={"Type": "T"}, Stays={"Type": "T"}, Changes={"Type": "T", "Properties": {"A": 1, "B": 2}})
    new = template(Comes={"Type": "T"}, Stays={"Type": "T"}, Changes={"Type": "T", "Properties": {"A": 1, "C": 2}})
    assert [(one.change, one.logical_id, one.properties) for one in resource_changes(old, new)] == [
        ("added", "Comes", ()),
        ("changed", "Changes", ("B", "C")),
        ("removed", "Goes", ()),
    ]


def test_fails_when_a_manifest_is_no_json() -> None:
    with pytest.raises(TemplateError, match="a manifest of the template is not valid JSON"):
        [*object_changes(template(A={"Type": MANIFEST, "Properties": {"Manifest": "["}}), template())]


def test_fails_when_a_property_is_no_text() -> None:
    with pytest.raises(TemplateError, match="the template has 5 where a string must be"):
        text_of(5)


OLD = template(Queue1={"Type": "AWS::SQS::Queue"}, A=resource(deployment("agent:1")))
NEW = template(
    Queue1={"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": 5}}, A=resource(deployment("agent:2, größer"))
)


@pytest.fixture
def assembly(tmp_path: Path) -> Path:
    """What `make synth` writes, with a small template."""
    artifact = {
        "type": "aws:cloudformation:stack",
        "environment": "aws://unknown-account/unknown-region",
        "properties": {"templateFile": "SdOnEKSStack.template.json", "stackName": "Other"},
    }
    folder = tmp_path / "[x] cdk.out"
    folder.mkdir()
    manifest = {"version": "36.0.0", "artifacts": {"SdOnEKSStack": artifact}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "SdOnEKSStack.template.json").write_text(json.dumps(NEW))
    return folder


@pytest.fixture
def old(tmp_path: Path) -> Path:
    file = tmp_path / "old.json"
    file.write_text(json.dumps(OLD))
    return file


def test_resources_are_shown_by_the_cdk_and_objects_below(
    assembly: Path, old: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert diff.main(["--assembly", str(assembly), "--template", str(old)]) == 0
    said = capfd.readouterr().out
    assert "[~] AWS::SQS::Queue Queue1" in said
    assert "[+] DelaySeconds" in said
    brief, _, objects = said.partition("Deployment studio/sd: changed; its pods are replaced")
    assert "agent:1" not in brief
    assert "-        image: agent:1\n+        image: agent:2, größer\n" in objects
    assert objects.endswith("Kubernetes objects and charts: 0 added, 1 changed, 0 removed\n")


def test_changes_are_printed_as_json(assembly: Path, old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert diff.main(["--assembly", str(assembly), "--template", str(old), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["logical_id"] for one in found["resources"]] == ["Queue1", "A"]
    ((change, name),) = [(one["change"], one["name"]) for one in found["objects"]]
    assert (change, name) == ("changed", "sd")


def test_deployed_template_is_compared_as_cloudformation_returns_it(
    assembly: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    returned = json.loads(json.dumps(NEW, ensure_ascii=False).replace("größer", "gr??er"))
    stub(monkeypatch).add_response("get_template", {"TemplateBody": json.dumps(returned)}, {"StackName": "Other"})
    assert diff.main(["--assembly", str(assembly), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"resources": [], "objects": []}


def stub(monkeypatch: pytest.MonkeyPatch) -> Stubber:
    client = boto3.client("cloudformation", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    monkeypatch.setattr(boto3, "client", lambda *_, **__: client)
    stubber = Stubber(client)
    stubber.activate()
    return stubber


def test_fails_when_the_stack_does_not_exist(
    assembly: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stub(monkeypatch).add_client_error("get_template", "ValidationError", "Stack with id Other does not exist")
    assert diff.main(["--assembly", str(assembly)]) == 1
    assert capsys.readouterr().err == "diff: there is no stack Other in this account and region\n"


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (None, "must be readable, got No such file or directory; name a synthesized template"),
        ("{", "must be valid JSON, got Expecting property name enclosed in double quotes: line 1 column 2 (char 1); "),
        ("{}", "must be a CloudFormation template, got no Resources; name a synthesized template"),
        ("[]", "must be a CloudFormation template, got no Resources; name a synthesized template"),
    ],
)
def test_fails_when_the_older_template_is_none(
    assembly: Path, tmp_path: Path, content: str | None, rule: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "none.json"
    if content is not None:
        file.write_text(content)
    assert diff.main(["--assembly", str(assembly), "--template", str(file)]) == 1
    assert capsys.readouterr().err.startswith(f"diff: {file}: {rule}")


def test_fails_when_the_cdk_does(
    assembly: Path, old: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(diff, "_CDK", tmp_path / "none")
    assert diff.main(["--assembly", str(assembly), "--template", str(old)]) == 1
    assert capsys.readouterr().err.startswith("diff: cdk diff failed; run `make setup` if it is missing: ")
