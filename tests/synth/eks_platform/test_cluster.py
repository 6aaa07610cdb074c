import re
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
from aws_cdk import assertions

from sd_on_eks.cluster.control_plane import Cluster


def test_cluster_create_only_properties_are_as_decided(template: assertions.Template) -> None:
    template.has_resource_properties(
        "AWS::EKS::Cluster",
        {
            "Name": "SdOnEKSStack",
            "Version": "1.35",
            "BootstrapSelfManagedAddons": False,
            "AccessConfig": {
                "AuthenticationMode": "API",
                "BootstrapClusterCreatorAdminPermissions": False,
            },
            "EncryptionConfig": assertions.Match.absent(),
        },
    )


def test_cluster_logs_api_and_audit_into_a_group_with_retention(template: assertions.Template) -> None:
    template.has_resource_properties(
        "AWS::EKS::Cluster",
        {"Logging": {"ClusterLogging": {"EnabledTypes": [{"Type": "api"}, {"Type": "audit"}]}}},
    )
    template.has_resource(
        "AWS::Logs::LogGroup",
        {
            "Properties": {"LogGroupName": "/aws/eks/SdOnEKSStack/cluster", "RetentionInDays": 30},
            "DeletionPolicy": "Delete",
        },
    )


def test_cluster_log_groups_all_have_a_month_of_retention(resources: dict[str, dict[str, Any]]) -> None:
    days = {
        resource["Properties"]["RetentionInDays"]
        for resource in resources.values()
        if resource["Type"] == "AWS::Logs::LogGroup"
    }
    assert days == {30}


def test_cluster_administrators_are_the_stack_s_role_and_the_function_that_runs_kubectl(
    resources: dict[str, dict[str, Any]],
) -> None:
    administrators = sorted(
        resource["Properties"]["PrincipalArn"]["Fn::GetAtt"][0]
        for resource in resources.values()
        if resource["Type"] == "AWS::EKS::AccessEntry" and "AccessPolicies" in resource["Properties"]
    )
    assert [re.sub("[0-9A-F]{8}$", "", role) for role in administrators] == [
        "ClusterAdminRole",
        "ClusterEksKubectlProviderHandlerServiceRole",
    ]


def test_cluster_admin_role_is_open_to_the_account_s_own_principals_alone(template: assertions.Template) -> None:
    template.has_resource_properties(
        "AWS::IAM::Role",
        {
            "Description": "Administrator of the EKS cluster SdOnEKSStack",
            "AssumeRolePolicyDocument": {
                "Statement": [
                    {
                        "Action": "sts:AssumeRole",
                        "Effect": "Allow",
                        "Principal": {
                            "AWS": {
                                "Fn::Join": [
                                    "",
                                    ["arn:", {"Ref": "AWS::Partition"}, ":iam::", {"Ref": "AWS::AccountId"}, ":root"],
                                ]
                            }
                        },
                    }
                ]
            },
        },
    )


def test_cluster_config_command_names_cluster_region_and_role(
    cluster_stack: Callable[[dict[str, Any]], cdk.Stack], fill: Callable[[object], str]
) -> None:
    stack = cluster_stack({})
    cluster = stack.node.find_child("Cluster")
    assert isinstance(cluster, Cluster)
    assert re.fullmatch(
        r"aws eks update-kubeconfig --name SdOnEKSStack --region us-east-1 --role-arn clusteradminrole\w+-arn",
        fill(stack.resolve(cluster.config_command)),
    )
