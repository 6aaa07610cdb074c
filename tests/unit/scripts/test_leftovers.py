"""scripts/leftovers.py: what it takes for a stack's, what it asks AWS, what it deletes, and what it says."""

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError, NoCredentialsError, NoRegionError
from botocore.stub import Stubber

import leftovers
from leftovers import DestroyedStack

STACK = "Sd-On"
STACK_ID = "arn:aws:cloudformation:us-east-1:111122223333:stack/Sd-On/0"
NOW = datetime(2027, 1, 15, 8, tzinfo=UTC)
OWNED = {"Name": "tag:kubernetes.io/cluster/Sd-On", "Values": ["owned"]}
LOG_GROUP_PREFIXES = ["/aws/codebuild/Sd-On-", "/aws/containerinsights/Sd-On/", "/aws/eks/Sd-On/"]
LOG_GROUP_PREFIXES += ["/aws/lambda/Sd-On-", "API-Gateway-Execution-Logs_a1b2c3/", "Sd-On-"]


def remembered(**resources: str) -> DestroyedStack:
    return DestroyedStack(STACK, {f"AWS::{kind.replace('_', '::')}": {name} for kind, name in resources.items()})


@pytest.mark.parametrize(
    ("name", "is_its"),
    [
        ("/aws/eks/Sd-On/cluster", True),
        ("/aws/containerinsights/Sd-On/performance", True),
        ("/aws/lambda/Sd-On-ClusterEksKubectlProviderHandler59BB35-AbC123", True),
        ("/aws/codebuild/Sd-On-ContainerImageBuildAmd64e837-AbC123", True),
        ("Sd-On-TaskApiHandlerLogGroup2928B63C-AbC123", True),
        ("/aws/lambda/Sd-On-2-ClusterEksKubectlProviderHandler59BB35-AbC123", False),
        ("/aws/eks/Sd-On-2/cluster", False),
        ("Sd-On-2-TaskApiHandlerLogGroup2928B63C-AbC123", False),
        ("/aws/lambda/Sd-On-reports", False),
        ("/aws/apigateway/Sd-On-TaskApi-AbC123", False),
        ("API-Gateway-Execution-Logs_a1b2c3/prod", False),
    ],
)
def test_log_group_is_the_stack_s_by_its_name(name: str, is_its: bool) -> None:
    assert DestroyedStack(STACK, None).had_log_group(name) is is_its


@pytest.mark.parametrize(
    ("kind", "physical_id", "name"),
    [
        ("ApiGateway_RestApi", "a1b2c3", "API-Gateway-Execution-Logs_a1b2c3/prod"),
        ("Lambda_Function", "Sd-ClusterHandler-AbC123", "/aws/lambda/Sd-ClusterHandler-AbC123"),
        ("CodeBuild_Project", "ImageBuild-AbC123", "/aws/codebuild/ImageBuild-AbC123"),
        ("Logs_LogGroup", "own-name", "own-name"),
    ],
)
def test_log_group_is_the_stack_s_as_cloudformation_remembers(kind: str, physical_id: str, name: str) -> None:
    assert remembered(**{kind: physical_id}).had_log_group(name)
    assert not remembered(**{kind: "another"}).had_log_group(name)


def test_log_groups_of_names_that_were_cut_are_asked_for() -> None:
    prefixes = remembered(Lambda_Function="Sd-ClusterHandler-AbC123").log_group_prefixes()
    assert "/aws/lambda/Sd-ClusterHandler-AbC123" in prefixes
    assert remembered(Lambda_Function="Sd-On-Handler-AbC123").log_group_prefixes() == sorted(
        {*LOG_GROUP_PREFIXES} - {"API-Gateway-Execution-Logs_a1b2c3/"}
    )


@pytest.mark.parametrize(
    ("name", "is_its"),
    [("sd-on-storageoutputbucketcd2e-abc123", True), ("sd-on-2-storageoutputbucket-abc123", False), ("sd-on", False)],
)
def test_bucket_is_the_stack_s_by_its_name(name: str, is_its: bool) -> None:
    assert DestroyedStack(STACK, None).had_bucket(name) is is_its
    assert remembered(S3_Bucket=name).had_bucket(name)


@pytest.mark.parametrize(("name", "is_its"), [("Sd-On-TaskTable95FE7720-ABC", True), ("Sd-On-2-TaskTable-ABC", False)])
def test_table_is_the_stack_s_by_its_name(name: str, is_its: bool) -> None:
    assert DestroyedStack(STACK, None).had_table(name) is is_its
    assert remembered(DynamoDB_Table=name).had_table(name)


class Cloud:
    """AWS that answers what is put in, in that order, and refuses any call that differs."""

    def __init__(self) -> None:
        settings = {"region_name": "us-east-1", "aws_access_key_id": "x", "aws_secret_access_key": "x"}
        services = ("cloudformation", "ec2", "logs", "s3", "dynamodb", "eks")
        self.clients = {one: boto3.client(one, **settings) for one in services}  # type: ignore[call-overload]  # dynamic
        self.stubs = {service: Stubber(client) for service, client in self.clients.items()}
        self.regions: set[str | None] = set()
        self.error: Exception | None = None
        for stub in self.stubs.values():
            stub.activate()

    def client(self, service: str, *, region_name: str | None, **_settings: object) -> Any:
        if self.error is not None:
            raise self.error
        self.regions.add(region_name)
        return self.clients[service]

    def remembers(self) -> None:
        summary = {"StackName": STACK, "StackId": STACK_ID, "StackStatus": "DELETE_COMPLETE", "CreationTime": NOW}
        stranger = {**summary, "StackName": "Sd-On-2", "StackStatus": "CREATE_COMPLETE"}
        self.answer("cloudformation", "list_stacks", {"StackSummaries": [stranger], "NextToken": "2"}, {})
        self.answer("cloudformation", "list_stacks", {"StackSummaries": [summary]}, {"NextToken": "2"})
        api = {
            "LogicalResourceId": "TaskApiRestApi",
            "PhysicalResourceId": "a1b2c3",
            "ResourceType": "AWS::ApiGateway::RestApi",
            "ResourceStatus": "DELETE_COMPLETE",
            "LastUpdatedTimestamp": NOW,
        }
        never_made = {**api, "LogicalResourceId": "Never", "ResourceType": "AWS::S3::Bucket"}
        del never_made["PhysicalResourceId"]
        found = {"StackResourceSummaries": [api, never_made]}
        self.answer("cloudformation", "list_stack_resources", found, {"StackName": STACK_ID})

    def has(
        self,
        *,
        reservations: list[dict[str, Any]] | None = None,
        volumes: list[dict[str, Any]] | None = None,
        interfaces: tuple[list[dict[str, Any]], ...] = ([], [], []),
        templates: list[dict[str, Any]] | None = None,
        log_groups: list[dict[str, Any]] | None = None,
    ) -> None:
        states = {"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]}
        descriptions = {"Name": "description", "Values": ["Amazon EKS Sd-On", "AWS Lambda VPC ENI-Sd-On-*"]}
        of_pods = {"Name": "tag:cluster.k8s.amazonaws.com/name", "Values": ["Sd-On"]}
        self.answer("ec2", "describe_instances", {"Reservations": reservations or []}, {"Filters": [OWNED, states]})
        self.answer("ec2", "describe_volumes", {"Volumes": volumes or []}, {"Filters": [OWNED]})
        for wanted, found in zip((OWNED, of_pods, descriptions), interfaces, strict=True):
            self.answer("ec2", "describe_network_interfaces", {"NetworkInterfaces": found}, {"Filters": [wanted]})
        self.answer("ec2", "describe_launch_templates", {"LaunchTemplates": templates or []}, {"Filters": [OWNED]})
        for prefix in LOG_GROUP_PREFIXES:
            of_prefix = [one for one in log_groups or [] if one["logGroupName"].startswith(prefix)]
            self.answer("logs", "describe_log_groups", {"logGroups": of_prefix}, {"logGroupNamePrefix": prefix})
        self.answer("s3", "list_buckets", {"Buckets": []}, {"BucketRegion": "us-east-1"})
        self.answer("dynamodb", "list_tables", {"TableNames": []}, {})

    def answer(self, service: str, operation: str, answer: dict[str, Any], expected: dict[str, Any]) -> None:
        self.stubs[service].add_response(operation, answer, expected)


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    cloud = Cloud()
    monkeypatch.setattr(boto3, "client", cloud.client)
    yield cloud
    for stub in cloud.stubs.values():
        stub.assert_no_pending_responses()


def log_group(name: str, **more: Any) -> dict[str, Any]:
    return {"logGroupName": name, "storedBytes": 3 * 2**20, **more}


LATE = log_group("/aws/eks/Sd-On/cluster")
OF_API = log_group("API-Gateway-Execution-Logs_a1b2c3/prod", retentionInDays=30)
OF_ANOTHER = log_group("/aws/lambda/Sd-On-2-Handler-AbC123")


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[dict[str, Any]], str]:
    status = leftovers.main([STACK, "--json", *arguments])
    out, err = capsys.readouterr()
    return status, json.loads(out) if out else [], err


def test_what_is_left_is_listed_with_what_costs_the_most_first(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    instance = {
        "InstanceId": "i-1",
        "InstanceType": "g5.2xlarge",
        "State": {"Name": "running"},
        "LaunchTime": datetime(2027, 1, 1, 9, 30, tzinfo=UTC),
    }
    of_pod = {"NetworkInterfaceId": "eni-1", "Description": "aws-K8S-i-1", "Status": "in-use"}
    of_function = {"NetworkInterfaceId": "eni-2", "Description": "", "Status": "available"}
    cloud.remembers()
    cloud.has(
        reservations=[{"Instances": [instance]}, {"Instances": [{**instance, "InstanceId": "i-2"}]}],
        volumes=[{"VolumeId": "vol-1", "Size": 200, "State": "available"}],
        interfaces=([of_pod], [of_pod], [of_function]),
        templates=[{"LaunchTemplateId": "lt-1", "LaunchTemplateName": "karpenter.k8s.aws/1"}],
        log_groups=[LATE, OF_API, OF_ANOTHER],
    )
    status, found, said = run(capsys)
    assert status == 3
    assert [(one["kind"], one["id"], one["detail"], one["deleted"]) for one in found] == [
        ("instance", "i-1", "g5.2xlarge, running, since 2027-01-01 09:30 UTC", False),
        ("instance", "i-2", "g5.2xlarge, running, since 2027-01-01 09:30 UTC", False),
        ("volume", "vol-1", "200 GiB, available", False),
        ("network interface", "eni-1", "aws-K8S-i-1, in-use", False),
        ("network interface", "eni-2", "no description, available", False),
        ("launch template", "lt-1", "karpenter.k8s.aws/1", False),
        ("log group", "/aws/eks/Sd-On/cluster", "3.0 MiB stored, kept for ever", False),
        ("log group", OF_API["logGroupName"], "3.0 MiB stored, each entry kept for 30 days", False),
    ]
    assert [one["id"] for one in found if one["id"] not in said] == []
    assert f"8 left of {STACK}" in said


def test_nothing_left_is_status_0(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    cloud.remembers()
    cloud.has()
    assert run(capsys) == (0, [], f"nothing is left of {STACK}\n")


def test_looks_in_the_account_that_is_named(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    cloud.remembers()
    cloud.has()
    run(capsys, "--region", "eu-central-1")
    assert cloud.regions == {"eu-central-1"}


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize(("answer", "is_deleted"), [("y", True), ("n", False), ("", False)])
def test_log_groups_are_deleted_when_that_is_confirmed(
    cloud: Cloud,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    is_deleted: bool,
) -> None:
    monkeypatch.setattr("builtins.input", lambda *_: answer)
    cloud.remembers()
    cloud.has(log_groups=[LATE, OF_ANOTHER])
    if is_deleted:
        cloud.answer("logs", "delete_log_group", {}, {"logGroupName": LATE["logGroupName"]})
    status, found, said = run(capsys, "--delete-log-groups")
    assert [one["deleted"] for one in found] == [is_deleted]
    assert status == (0 if is_deleted else 3)
    assert "Delete 1 log group(s) with all that they hold?" in said


def test_agreed_deletion_asks_no_question_and_counts_what_does_not_exist_as_deleted(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud.remembers()
    cloud.has(volumes=[{"VolumeId": "vol-1", "Size": 1, "State": "available"}], log_groups=[LATE, OF_API])
    cloud.stubs["logs"].add_client_error("delete_log_group", "ResourceNotFoundException")
    cloud.answer("logs", "delete_log_group", {}, {"logGroupName": OF_API["logGroupName"]})
    status, found, said = run(capsys, "--delete-log-groups", "--yes")
    assert status == 3
    assert {one["id"]: one["deleted"] for one in found} == {
        "vol-1": False,
        LATE["logGroupName"]: True,
        OF_API["logGroupName"]: True,
    }
    assert "deleted 2 log group(s)" in said


@pytest.mark.usefixtures("cloud")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--delete-log-groups"], "--delete-log-groups needs --yes where nobody can be asked"),
        (["--yes"], "--yes is for --delete-log-groups"),
    ],
)
def test_fails_when_options_do_not_fit(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False)
    with pytest.raises(SystemExit, match="2"):
        leftovers.main([STACK, *arguments])
    assert message in capsys.readouterr().err


def test_fails_when_aws_refuses(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    cloud.stubs["cloudformation"].add_client_error("list_stacks", "AccessDenied", "not you")
    assert run(capsys) == (1, [], "leftovers: AWS refuses ListStacks: not you\n")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (NoCredentialsError(), "there are no AWS credentials; set AWS_PROFILE or log in"),
        (NoRegionError(), "there is no AWS region; set AWS_DEFAULT_REGION or give --region"),
        (ValueError("Invalid endpoint: nonsense"), "AWS cannot be asked: Invalid endpoint: nonsense"),
        (
            EndpointConnectionError(endpoint_url="https://x.invalid"),
            'AWS cannot be asked: Could not connect to the endpoint URL: "https://x.invalid"',
        ),
    ],
)
def test_fails_when_aws_cannot_be_asked(
    cloud: Cloud, capsys: pytest.CaptureFixture[str], error: Exception, message: str
) -> None:
    cloud.error = error
    assert run(capsys) == (1, [], f"leftovers: {message}\n")


@pytest.mark.usefixtures("cloud")
@pytest.mark.parametrize("interrupt", [KeyboardInterrupt(), EOFError()])
def test_an_interrupt_is_status_130(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, interrupt: BaseException
) -> None:
    def interrupted(*_: object) -> None:
        raise interrupt

    monkeypatch.setattr(leftovers, "find_leftovers", interrupted)
    assert run(capsys) == (130, [], "interrupted\n")


def test_help_names_what_is_looked_for_and_every_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        leftovers.main(["--help"])
    shown = capsys.readouterr().out
    words = ["instances", "volumes", "launch templates", "network interfaces", "log groups", "buckets", "table"]
    words += ["objects of the cluster", "Pod Identity associations", "kubectl"]
    assert [word for word in words if word not in shown] == []
    assert [status for status in (0, 1, 2, 3, 130) if f"{status} " not in shown] == []
