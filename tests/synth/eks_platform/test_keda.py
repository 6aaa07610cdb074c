from collections.abc import Callable
from typing import Any

from aws_cdk import assertions


def test_keda_chart_is_pinned_and_waited_for(template: assertions.Template) -> None:
    template.has_resource_properties(
        "Custom::AWSCDK-EKS-HelmChart",
        {
            "Release": "keda",
            "Repository": "https://kedacore.github.io/charts",
            "Version": "2.20.2",
            "Namespace": "keda",
            "CreateNamespace": True,
            "Wait": True,
        },
    )


def test_keda_role_goes_to_the_operator_s_service_account(template: assertions.Template) -> None:
    template.has_resource_properties(
        "AWS::EKS::PodIdentityAssociation", {"Namespace": "keda", "ServiceAccount": "keda-operator"}
    )


def test_keda_reads_only_the_length_of_the_runtimes_queues(
    resources: dict[str, dict[str, Any]], fill: Callable[[object], str]
) -> None:
    (policy,) = [
        resource["Properties"]["PolicyDocument"]["Statement"]
        for logical_id, resource in resources.items()
        if resource["Type"] == "AWS::IAM::Policy" and logical_id.startswith("KedaOperatorRole")
    ]
    (statement,) = policy
    assert statement["Action"] == "sqs:GetQueueAttributes"
    assert sorted(fill(arn).rpartition(":")[2] for arn in statement["Resource"]) == ["queue-comfy", "queue-sd"]
