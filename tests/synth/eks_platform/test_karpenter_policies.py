"""Karpenter's permissions compared with its documentation, so that an upgrade shows changes."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

# Statement ID -> reason why the product's policies omit it.
LEFT_OUT = {
    "AllowScopedInstanceProfileCreationActions": "node classes name a profile of the stack",
    "AllowScopedInstanceProfileTagActions": "node classes name a profile of the stack",
    "AllowScopedInstanceProfileActions": "node classes name a profile of the stack",
}

_SAMPLE = {
    "${AWS::Partition}": "aws",
    "${AWS::Region}": "us-east-1",
    "${AWS::AccountId}": "aws-accountid",
    "${ClusterName}": "SdOnEKSStack",
    "${KarpenterNodeRole.Arn}": "NODE-ROLE",
    "${KarpenterInterruptionQueue.Arn}": "QUEUE",
}


@pytest.fixture(scope="module")
def reference(shared_data: Path) -> dict[str, dict[str, Any]]:
    statements: dict[str, dict[str, Any]] = {}
    for path in (shared_data / "karpenter-policy").glob("*.json"):
        text = path.read_text(encoding="utf-8")
        for placeholder, value in _SAMPLE.items():
            text = text.replace(placeholder, value)
        statements |= {statement["Sid"]: statement for statement in json.loads(text)["Statement"]}
    return statements


@pytest.fixture(scope="module")
def ours(resources: dict[str, dict[str, Any]], fill: Callable[[object], str]) -> dict[str, dict[str, Any]]:
    def filled(value: object) -> object:
        match value:
            case dict() if len(value) == 1 and next(iter(value)) in ("Ref", "Fn::Join", "Fn::GetAtt"):
                text = fill(value)
                text = re.sub("^karpenternoderole[0-9a-f]{8}-arn$", "NODE-ROLE", text)
                return re.sub("^karpenterinterruptionqueue[0-9a-f]{8}-arn$", "QUEUE", text)
            case dict():
                return {key: filled(part) for key, part in value.items()}
            case list():
                return [filled(part) for part in value]
        return value

    statements: dict[str, dict[str, Any]] = {}
    for resource in resources.values():
        if resource["Type"] == "AWS::IAM::ManagedPolicy":
            document: Any = filled(resource["Properties"]["PolicyDocument"])
            statements |= {statement["Sid"]: statement for statement in document["Statement"]}
    return statements


def _meaning(statement: dict[str, Any]) -> dict[str, Any]:
    """A statement without what does not matter: order, and a list of one instead of its element."""

    def as_set(value: object) -> list[object]:
        return sorted(value) if isinstance(value, list) else [value]

    return {
        "Effect": statement["Effect"],
        "Action": as_set(statement["Action"]),
        "Resource": as_set(statement["Resource"]),
        "Condition": {
            operator: {key: as_set(value) for key, value in keys.items()}
            for operator, keys in statement.get("Condition", {}).items()
        },
    }


def test_karpenter_policies_mean_what_the_documentation_s_mean(
    reference: dict[str, dict[str, Any]], ours: dict[str, dict[str, Any]]
) -> None:
    expected = {sid: _meaning(statement) for sid, statement in reference.items() if sid not in LEFT_OUT}
    assert {sid: _meaning(statement) for sid, statement in ours.items()} == expected


def test_karpenter_policies_leave_out_statements_that_exist(reference: dict[str, dict[str, Any]]) -> None:
    assert reference.keys() >= LEFT_OUT.keys()


def test_karpenter_policies_fit_a_managed_policy(resources: dict[str, dict[str, Any]]) -> None:
    documents = [
        json.dumps(resource["Properties"]["PolicyDocument"], separators=(",", ":"))
        for resource in resources.values()
        if resource["Type"] == "AWS::IAM::ManagedPolicy"
    ]
    assert len(documents) == 6
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html, with tokens still longer than values.
    assert max(len(document) for document in documents) < 6144
