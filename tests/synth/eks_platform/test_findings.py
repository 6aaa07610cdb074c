"""Linters over the EKS platform: all findings are acknowledged with a reason."""

import json
from collections.abc import Callable

import aws_cdk as cdk
import pytest
from aws_cdk import assertions
from aws_cdk import aws_iam as iam
from cdk_nag import AwsSolutionsChecks
from cfnlint.api import lint  # type: ignore[import-untyped]  # the distribution has no types
from cfnlint.config import ManualArgs  # type: ignore[import-untyped]  # as above


def _check(stack: cdk.Stack) -> None:
    app = stack.node.root
    assert isinstance(app, cdk.App)
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()


def test_cdk_nag_has_no_finding_that_is_not_acknowledged(full_stack: Callable[[], cdk.Stack]) -> None:
    _check(full_stack())


def test_cdk_nag_fails_the_synthesis_when_a_finding_is_not_acknowledged(full_stack: Callable[[], cdk.Stack]) -> None:
    stack = full_stack()
    iam.ManagedPolicy(stack, "TooMuch", statements=[iam.PolicyStatement(actions=["s3:GetObject"], resources=["*"])])
    with pytest.raises(RuntimeError, match=r"SdOnEKSStack/TooMuch.*\n.*AwsSolutions-IAM5\[Resource::\*\]"):
        _check(stack)


def test_cfn_lint_has_no_finding(template: assertions.Template) -> None:
    # W3005: a DependsOn that a reference makes redundant. The CDK adds them, and they are harmless.
    config = ManualArgs(regions=["us-east-1"], ignore_checks=["W3005"])
    assert lint(json.dumps(template.to_json()), config=config) == []
