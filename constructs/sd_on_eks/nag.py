"""Acknowledged cdk-nag findings: each with its reason, at the narrowest construct that has it."""

from collections.abc import Iterable

import aws_cdk as cdk
from constructs import IConstruct


def acknowledge(scope: IConstruct, findings: Iterable[str], *, reason: str) -> None:
    """Acknowledge findings on a construct and everything below it.

    Args:
        scope: the construct that has the findings.
        findings: IDs in the format of the report, such as `AwsSolutions-IAM5[Resource::*]`. If a rule reports several
            findings, acknowledge each of them: the name of the rule alone acknowledges none.
        reason: why the finding is acceptable.
    """
    cdk.Validations.of(scope).acknowledge(*(cdk.Acknowledgment(id=finding, reason=reason) for finding in findings))


def acknowledge_wildcards(scope: IConstruct, resources: Iterable[str], *, reason: str) -> None:
    """Acknowledge that policies below a construct have these resources with wildcards.

    Args:
        scope: the construct that has the findings.
        resources: ARNs exactly as in the policy, including tokens.
        reason: why narrower resources are not possible.
    """
    stack = cdk.Stack.of(scope)
    acknowledge(
        scope,
        [f"AwsSolutions-IAM5[Resource::{_as_in_report(stack.resolve(resource))}]" for resource in resources],
        reason=reason,
    )


def _as_in_report(resolved: object) -> str:
    """A resolved value in the format of the report: `<LogicalId.Attribute>/*`."""
    match resolved:
        case str():
            return resolved
        case {"Fn::Join": [_, [*parts]]}:
            return "".join(_as_in_report(part) for part in parts)
        case {"Ref": name}:
            return f"<{name}>"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"<{name}.{attribute}>"
    raise ValueError(f"must be an ARN of strings, Ref, Fn::GetAtt and Fn::Join, got {resolved!r}")
