"""Acknowledged findings of cdk-nag: each with its reason, at the narrowest construct that has it."""

from collections.abc import Iterable

import aws_cdk as cdk
from constructs import IConstruct


def acknowledge(scope: IConstruct, findings: Iterable[str], *, reason: str) -> None:
    """Acknowledge findings on a construct and everything below it.

    Args:
        scope: the construct that has the findings.
        findings: ids as the report prints them, such as `AwsSolutions-IAM5[Resource::*]`. A rule that reports several
            findings has to be acknowledged finding by finding: its bare name acknowledges none of them.
        reason: why the finding is right as it is.
    """
    cdk.Validations.of(scope).acknowledge(*(cdk.Acknowledgment(id=finding, reason=reason) for finding in findings))


def acknowledge_wildcards(scope: IConstruct, resources: Iterable[str], *, reason: str) -> None:
    """Acknowledge that policies below a construct name these resources with wildcards.

    Args:
        scope: the construct that has the findings.
        resources: ARNs as the policy has them, tokens included.
        reason: why no narrower resource will do.
    """
    stack = cdk.Stack.of(scope)
    acknowledge(
        scope,
        [f"AwsSolutions-IAM5[Resource::{_as_in_report(stack.resolve(resource))}]" for resource in resources],
        reason=reason,
    )


def _as_in_report(resolved: object) -> str:
    """A resolved value the way the report writes it: `<LogicalId.Attribute>/*`."""
    match resolved:
        case str():
            return resolved
        case {"Fn::Join": [_, [*parts]]}:
            return "".join(_as_in_report(part) for part in parts)
        case {"Ref": name}:
            return f"<{name}>"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"<{name}.{attribute}>"
    raise ValueError(f"{resolved!r} is no ARN of text, Ref, GetAtt and Join")
