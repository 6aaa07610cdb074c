"""scripts/leftovers.py over real HTTPS: a stack is created and deleted, and its leftovers are found."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local_stack.emulator import Emulator

ROOT = Path(__file__).parents[2]
STACK = "Gone"
OWNED = [{"Key": f"kubernetes.io/cluster/{STACK}", "Value": "owned"}]
OF_ANOTHER = [{"Key": f"kubernetes.io/cluster/{STACK}-2", "Value": "owned"}]
KEEP = {"DeletionPolicy": "Retain"}
LATE_LOG_GROUPS = [f"/aws/eks/{STACK}/cluster", f"/aws/lambda/{STACK}-ClusterHandler59BB3552-AbC123"]
TEMPLATE = {
    "Resources": {
        "StorageOutputBucket": {"Type": "AWS::S3::Bucket", **KEEP},
        "StorageOtherBucket": {"Type": "AWS::S3::Bucket"},
        "TaskTable": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
                "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
                "BillingMode": "PAY_PER_REQUEST",
            },
            **KEEP,
        },
        "ControlPlaneLogGroup": {
            "Type": "AWS::Logs::LogGroup",
            "Properties": {"LogGroupName": f"/aws/eks/{STACK}/cluster", "RetentionInDays": 30},
        },
    }
}


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with Emulator(tmp_path_factory.mktemp("emulator")) as emulator:
        yield emulator


class Account:
    """Actions in the account, and the output of the script."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def client(self, service: str) -> Any:
        return self._emulator.client(service)

    def make_stack(self) -> dict[str, str]:
        """Create the stack; returns the physical ids of its resources."""
        cloudformation = self.client("cloudformation")
        cloudformation.create_stack(StackName=STACK, TemplateBody=json.dumps(TEMPLATE))
        self._until("CREATE_COMPLETE")
        found = cloudformation.list_stack_resources(StackName=STACK)["StackResourceSummaries"]
        return {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in found}

    def destroy_stack(self) -> None:
        self.client("cloudformation").delete_stack(StackName=STACK)
        self._until("DELETE_COMPLETE")

    def _until(self, status: str) -> None:
        deadline = time.monotonic() + 30
        while True:
            stacks = self.client("cloudformation").list_stacks()["StackSummaries"]
            if [one["StackStatus"] for one in stacks if one["StackName"] == STACK] == [status]:
                return
            assert time.monotonic() < deadline, stacks
            time.sleep(0.05)

    def run(self, *arguments: str, stack: str = STACK) -> tuple[int, dict[tuple[str, str], bool], str]:
        """Exit status, leftovers by kind and id with whether they were deleted, and the output."""
        done = subprocess.run(  # noqa: S603 (our own script)
            [sys.executable, str(ROOT / "scripts" / "leftovers.py"), stack, "--json", *arguments],
            env=self._emulator.client_environment() | self._emulator.root_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert "Traceback" not in done.stderr, done.stderr
        found = json.loads(done.stdout) if done.stdout else []
        return done.returncode, {(one["kind"], one["id"]): one["deleted"] for one in found}, done.stderr


@pytest.fixture
def account(emulator: Emulator) -> Account:
    return Account(emulator)


@pytest.fixture
def ids(account: Account) -> dict[str, str]:
    """Physical ids of a deleted stack, of which nodes and late writes are left, and another stack."""
    ids = account.make_stack()
    ec2, logs = account.client("ec2"), account.client("logs")
    for tags, name in ((OWNED, "instance"), (OF_ANOTHER, "another's instance")):
        (instance,) = ec2.run_instances(
            ImageId="ami-12345678",
            InstanceType="g5.2xlarge",
            MinCount=1,
            MaxCount=1,
            TagSpecifications=[{"ResourceType": "instance", "Tags": tags}],
        )["Instances"]
        ids[name] = instance["InstanceId"]
    ids["volume"] = ec2.create_volume(
        AvailabilityZone="us-east-1a", Size=200, TagSpecifications=[{"ResourceType": "volume", "Tags": OWNED}]
    )["VolumeId"]
    ids["launch template"] = ec2.create_launch_template(
        LaunchTemplateName="karpenter.k8s.aws/1234",
        LaunchTemplateData={"InstanceType": "g5.2xlarge"},
        TagSpecifications=[{"ResourceType": "launch-template", "Tags": OWNED}],
    )["LaunchTemplate"]["LaunchTemplateId"]
    account.destroy_stack()
    for name in LATE_LOG_GROUPS:
        logs.create_log_group(logGroupName=name)
    logs.create_log_group(logGroupName=f"/aws/lambda/{STACK}-2-ClusterHandler-AbC123")
    return ids


def test_a_destroyed_stack_s_leftovers_are_listed_and_its_log_groups_deleted(
    account: Account, ids: dict[str, str]
) -> None:
    expected = {
        ("instance", ids["instance"]): False,
        ("volume", ids["volume"]): False,
        ("launch template", ids["launch template"]): False,
        **{("log group", name): False for name in LATE_LOG_GROUPS},
        ("bucket", ids["StorageOutputBucket"]): False,
        ("table", ids["TaskTable"]): False,
    }
    status, found, _ = account.run()
    assert (status, found) == (3, expected)

    status, found, said = account.run("--delete-log-groups", "--yes")
    deleted = {(kind, one): kind == "log group" for kind, one in expected}
    assert (status, found) == (3, deleted)
    assert "deleted 2 log group(s)" in said
    groups = account.client("logs").describe_log_groups()["logGroups"]
    assert [one["logGroupName"] for one in groups] == [f"/aws/lambda/{STACK}-2-ClusterHandler-AbC123"]

    account.client("ec2").terminate_instances(InstanceIds=[ids["instance"]])
    account.client("ec2").delete_volume(VolumeId=ids["volume"])
    account.client("ec2").delete_launch_template(LaunchTemplateId=ids["launch template"])
    account.client("s3").delete_bucket(Bucket=ids["StorageOutputBucket"])
    account.client("dynamodb").delete_table(TableName=ids["TaskTable"])
    status, found, said = account.run()
    assert (status, found) == (0, {})
    assert f"nothing is left of {STACK}" in said


def test_fails_when_the_cluster_of_an_existing_stack_does_not_exist(account: Account) -> None:
    account.make_stack()
    try:
        status, found, said = account.run()
    finally:
        account.destroy_stack()
    assert (status, found) == (1, {})
    assert "leftovers: AWS refuses DescribeCluster: " in said


def test_an_unknown_stack_is_reported(account: Account) -> None:
    status, _, said = account.run(stack="nonesuch")
    assert status == 0
    assert "CloudFormation remembers no stack nonesuch" in said
