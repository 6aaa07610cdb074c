#!/usr/bin/env python3
"""List what a destroyed stack has left behind, and what updates of a stack that exists have left in its cluster.

    .venv/bin/python scripts/leftovers.py [STACK_NAME] [--region REGION] [--json]
    .venv/bin/python scripts/leftovers.py [STACK_NAME] --delete-log-groups [--yes]

Of a stack that was destroyed it lists what goes on costing money. It looks, in one region, for

- instances, volumes, launch templates and network interfaces of the cluster's nodes: there are some if Karpenter was
  deleted before its nodes, or if somebody deleted objects of the cluster by hand before the destroy;
- network interfaces of the control plane and of functions, which hold up the deletion of a VPC;
- log groups that were made again by a late write, or that no stack made: what they have costs storage for ever;
- the buckets and the table that hold data, which a stack keeps unless `removalPolicy: destroy` was set.

Of a stack that exists it lists objects of the cluster and Pod Identity associations that the stack's template no longer
has, each with the command that deletes it: service accounts, roles and network policies of runtimes that were removed,
volumes that were replaced. They cost nothing; pods that drain may still use them, and how many do is said. kubectl must
be configured for the cluster (the stack's output ConfigCommand says how).

It only reads, but for --delete-log-groups: that deletes the log groups which it lists, after it has asked. What else is
there is yours to look at first. STACK_NAME is the name of the CloudFormation stack (default SdOnEKSStack).
CloudFormation remembers the names of a deleted stack's resources for 90 days; later they are found by the form of their
names, and the log group of the API, which is named by a number, no more.

The AWS credentials and the region of the environment are used, and AWS_ENDPOINT_URL. Exit status: 0 if nothing is left,
3 if something is, 1 if that could not be found out, 2 if an option is wrong, 130 after Ctrl-C.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Final

import boto3
from botocore.config import Config

from aws_errors import aws_errors
from stack_resources import stack_resources
from terminal import Terminal
from unused_objects import Cluster, KubectlError, unused_associations, unused_objects

_LIMITS: Final = Config(connect_timeout=5, read_timeout=15, retries={"total_max_attempts": 5, "mode": "standard"})
"""CloudWatch Logs throttles soon."""

_DESTROYED: Final = frozenset({"DELETE_COMPLETE", "DELETE_FAILED", "ROLLBACK_COMPLETE"})
"""States of a stack in which what it made is left over, where it is there at all."""

_FAILURE: Final = 1
_SOMETHING_IS_LEFT: Final = 3
_INTERRUPTED: Final = 130


class LeftoversError(Exception):
    """It cannot be said what is left: why, in one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """Something that is still there.

    Attributes:
        kind: `instance`, `volume`, `launch template`, `network interface`, `log group`, `bucket` or `table`; of a stack
            that exists the kind of a Kubernetes object, or `association`.
        id: its id, or its name where that is its id.
        detail: what shows an operator what it is.
        deleted: whether it was deleted just now.
    """

    kind: str
    id: str
    detail: str
    deleted: bool = False


class DestroyedStack:
    """A stack that was deleted, and how its resources were named.

    Args:
        name: the stack's name, which is the cluster's as well.
        resources: type -> physical ids; None where CloudFormation does not remember the stack.

    Attributes:
        name: its name.
        is_remembered: whether CloudFormation remembers it.
    """

    def __init__(self, name: str, resources: Mapping[str, Collection[str]] | None) -> None:
        self.name: str = name
        self.is_remembered: bool = resources is not None
        self._resources = resources or {}
        # Names that CloudFormation makes. A stack whose name begins with this one's has a dash more.
        self._generated = re.compile(rf"{re.escape(name)}-[A-Za-z0-9]+-[A-Za-z0-9]+")
        self._generated_bucket = re.compile(rf"{re.escape(name.lower())}-[a-z0-9]+-[a-z0-9]+")

    def had_bucket(self, name: str) -> bool:
        """Whether a bucket was the stack's."""
        return self._had("AWS::S3::Bucket", name) or bool(self._generated_bucket.fullmatch(name))

    def had_table(self, name: str) -> bool:
        """Whether a DynamoDB table was the stack's."""
        return self._had("AWS::DynamoDB::Table", name) or bool(self._generated.fullmatch(name))

    def had_log_group(self, name: str) -> bool:
        """Whether a log group was the stack's or was written by something of the stack."""
        if name.startswith((f"/aws/eks/{self.name}/", f"/aws/containerinsights/{self.name}/")):
            return True
        if self._had("AWS::Logs::LogGroup", name):
            return True
        for prefix, kind in (("/aws/lambda/", "AWS::Lambda::Function"), ("/aws/codebuild/", "AWS::CodeBuild::Project")):
            writer = name.removeprefix(prefix)
            if writer != name:
                return self._had(kind, writer) or bool(self._generated.fullmatch(writer))
        return bool(self._generated.fullmatch(name)) or name.startswith(tuple(self._execution_logs()))

    def log_group_prefixes(self) -> list[str]:
        """How the names of its log groups begin; those of others can begin so, too."""
        name = self.name
        fixed = {f"/aws/eks/{name}/", f"/aws/containerinsights/{name}/"}
        generated = {f"{prefix}{name}-" for prefix in ("", "/aws/lambda/", "/aws/codebuild/")}
        # Names that CloudFormation had to cut do not begin with the whole name of the stack.
        cut = {
            prefix + one
            for prefix, kind in (("/aws/lambda/", "AWS::Lambda::Function"), ("", "AWS::Logs::LogGroup"))
            for one in self._resources.get(kind, ())
            if not (prefix + one).startswith(tuple(fixed | generated))
        }
        return sorted(fixed | generated | cut | set(self._execution_logs()))

    def _execution_logs(self) -> Iterator[str]:
        for api_id in self._resources.get("AWS::ApiGateway::RestApi", ()):
            yield f"API-Gateway-Execution-Logs_{api_id}/"

    def _had(self, kind: str, physical_id: str) -> bool:
        return physical_id in self._resources.get(kind, ())


class Region:
    """One region of an account.

    Args:
        client: makes the client of a service.
    """

    def __init__(self, client: Callable[[str], Any]) -> None:
        self._cloudformation = client("cloudformation")
        self._ec2 = client("ec2")
        self._logs = client("logs")
        self._s3 = client("s3")
        self._dynamodb = client("dynamodb")
        self._eks = client("eks")

    def stacks(self, name: str) -> list[Any]:
        """Every stack of a name that CloudFormation remembers, as it lists them."""
        found = self._pages(self._cloudformation, "list_stacks", "StackSummaries")
        return [stack for stack in found if stack["StackName"] == name]

    def unused(self, name: str) -> Iterator[Leftover]:
        """What updates have left in the cluster of a stack that exists.

        Raises:
            KubectlError: the cluster cannot be read.
        """
        template = self._cloudformation.get_template(StackName=name)["TemplateBody"]
        endpoint = self._eks.describe_cluster(name=name)["cluster"]["endpoint"]
        cluster = Cluster(endpoint=endpoint, config_command=f"aws eks update-kubeconfig --name {name}")
        pods, unused = cluster.pods(), []
        for key, number in unused_objects(template, cluster.objects(), pods):
            unused.append(key)
            others = "; everything else that is in it goes as well" if key.kind == "Namespace" else ""
            yield Leftover(kind=key.kind, id=key.path, detail=f"{_used(number)}{others}: {key.deletion}")
        associations = self._pages(self._eks, "list_pod_identity_associations", "associations", clusterName=name)
        resources = stack_resources(self._cloudformation, name)
        for one, number in unused_associations(template, associations, resources, unused, pods):
            command = f"aws eks delete-pod-identity-association --cluster-name {name} --association-id"
            account = f"{one['namespace']}/{one['serviceAccount']}"
            detail = f"of {account}, {_used(number)}: {command} {one['associationId']}"
            yield Leftover(kind="association", id=one["associationId"], detail=detail)

    def destroyed_stack(self, name: str, stacks: Sequence[Any]) -> DestroyedStack:
        """What CloudFormation remembers of the stacks of a name."""
        resources: dict[str, set[str]] | None = None
        for stack in stacks:
            resources = resources or {}
            for resource in stack_resources(self._cloudformation, stack["StackId"]):
                resources.setdefault(resource["ResourceType"], set()).add(resource.get("PhysicalResourceId", ""))
        return DestroyedStack(name, resources)

    def instances(self, stack: DestroyedStack) -> Iterator[Leftover]:
        """Instances of the cluster's nodes that run or can run again."""
        states = {"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]}
        filters = [_of_cluster(stack), states]
        for reservation in self._pages(self._ec2, "describe_instances", "Reservations", Filters=filters):
            for one in reservation["Instances"]:
                detail = f"{one['InstanceType']}, {one['State']['Name']}, since {one['LaunchTime']:%Y-%m-%d %H:%M} UTC"
                yield Leftover(kind="instance", id=one["InstanceId"], detail=detail)

    def volumes(self, stack: DestroyedStack) -> Iterator[Leftover]:
        """Volumes of the cluster's nodes."""
        for one in self._pages(self._ec2, "describe_volumes", "Volumes", Filters=[_of_cluster(stack)]):
            yield Leftover(kind="volume", id=one["VolumeId"], detail=f"{one['Size']} GiB, {one['State']}")

    def network_interfaces(self, stack: DestroyedStack) -> Iterator[Leftover]:
        """Network interfaces of nodes and pods, of the control plane, and of functions in the VPC."""
        found = {}
        for wanted in (
            _of_cluster(stack),
            {"Name": "tag:cluster.k8s.amazonaws.com/name", "Values": [stack.name]},
            {"Name": "description", "Values": [f"Amazon EKS {stack.name}", f"AWS Lambda VPC ENI-{stack.name}-*"]},
        ):
            for one in self._pages(self._ec2, "describe_network_interfaces", "NetworkInterfaces", Filters=[wanted]):
                found[one["NetworkInterfaceId"]] = f"{one['Description'] or 'no description'}, {one['Status']}"
        for interface_id, detail in found.items():
            yield Leftover(kind="network interface", id=interface_id, detail=detail)

    def launch_templates(self, stack: DestroyedStack) -> Iterator[Leftover]:
        """Launch templates that Karpenter has made."""
        for one in self._pages(self._ec2, "describe_launch_templates", "LaunchTemplates", Filters=[_of_cluster(stack)]):
            yield Leftover(kind="launch template", id=one["LaunchTemplateId"], detail=one["LaunchTemplateName"])

    def log_groups(self, stack: DestroyedStack) -> Iterator[Leftover]:
        """Log groups, by the stack and by AWS services."""
        found = {
            one["logGroupName"]: one
            for prefix in stack.log_group_prefixes()
            for one in self._pages(self._logs, "describe_log_groups", "logGroups", logGroupNamePrefix=prefix)
        }
        for name, one in found.items():
            if stack.had_log_group(name):
                days = one.get("retentionInDays")
                kept = "kept for ever" if days is None else f"each entry kept for {days} days"
                yield Leftover(
                    kind="log group", id=name, detail=f"{one.get('storedBytes', 0) / 2**20:.1f} MiB stored, {kept}"
                )

    def buckets(self, stack: DestroyedStack) -> Iterator[Leftover]:
        """Buckets of results, models, access logs and failures."""
        # Another region may have a stack of the same name.
        here = self._s3.meta.region_name
        for one in self._pages(self._s3, "list_buckets", "Buckets", BucketRegion=here):
            if stack.had_bucket(one["Name"]):
                detail = f"since {one['CreationDate']:%Y-%m-%d}, kept with its objects"
                yield Leftover(kind="bucket", id=one["Name"], detail=detail)

    def tables(self, stack: DestroyedStack) -> Iterator[Leftover]:
        """The task table."""
        for name in self._pages(self._dynamodb, "list_tables", "TableNames"):
            if stack.had_table(name):
                yield Leftover(kind="table", id=name, detail="kept with its tasks, protected against deletion")

    def delete_log_group(self, name: str) -> None:
        """Delete a log group; one that was deleted meanwhile counts as deleted."""
        try:
            self._logs.delete_log_group(logGroupName=name)
        except self._logs.exceptions.ResourceNotFoundException:
            return

    @staticmethod
    def _pages(client: Any, operation: str, key: str, **parameters: object) -> Iterator[Any]:  # noqa: ANN401 (boto3's)
        for page in client.get_paginator(operation).paginate(**parameters):
            yield from page.get(key, [])


def _used(pods: int) -> str:
    return f"used by {pods} pod(s), which must end first" if pods else "unused"


def _of_cluster(stack: DestroyedStack) -> dict[str, object]:
    return {"Name": f"tag:kubernetes.io/cluster/{stack.name}", "Values": ["owned"]}


def find_leftovers(region: Region, stack_name: str, terminal: Terminal) -> list[Leftover]:
    """Everything that is left of a stack, what costs the most first.

    Raises:
        LeftoversError: the stack is being changed.
        KubectlError: the cluster of a stack that exists cannot be read.
        ClientError: AWS refuses to show something.
        BotoCoreError: AWS cannot be asked.
    """
    with terminal.waiting("reading what the stack has or had"):
        stacks = region.stacks(stack_name)
        for status in {one["StackStatus"] for one in stacks} - _DESTROYED:
            if status.endswith("_IN_PROGRESS"):
                raise LeftoversError(
                    f"the stack {stack_name} must not be changing, got {status}: wait until it is done"
                )
            return list(region.unused(stack_name))
        stack = region.destroyed_stack(stack_name, stacks)
    if not stack.is_remembered:
        terminal.line(
            f"CloudFormation remembers no stack {stack_name} here: it was destroyed over 90 days ago, or in another "
            "region, or never made"
        )
    searches = (
        region.instances,
        region.volumes,
        region.network_interfaces,
        region.launch_templates,
        region.log_groups,
        region.buckets,
        region.tables,
    )
    return [one for search in terminal.each(searches, "searching") for one in search(stack)]


def delete_log_groups(
    region: Region, leftovers: Sequence[Leftover], *, is_agreed: bool, terminal: Terminal
) -> list[Leftover]:
    """Delete the log groups among leftovers, after asking unless that is agreed.

    Returns:
        The leftovers, what was deleted marked.
    """
    names = [one.id for one in leftovers if one.kind == "log group"]
    if not names:
        return list(leftovers)
    question = f"Delete {len(names)} log group(s) with all that they hold?"
    if not (is_agreed or terminal.agrees(question)):
        return list(leftovers)
    for name in terminal.each(names, "deleting"):
        region.delete_log_group(name)
    return [replace(one, deleted=one.kind == "log group") for one in leftovers]


def run(options: argparse.Namespace, terminal: Terminal) -> list[Leftover]:
    """Look, and delete what is asked for.

    Raises:
        LeftoversError: it cannot be said what is left.
    """
    try:
        with aws_errors(LeftoversError, stack_name=options.stack_name, region_option="--region"):
            region = Region(partial(_client, region_name=options.region))
            leftovers = find_leftovers(region, options.stack_name, terminal)
            for one in leftovers:
                terminal.line(f"{one.kind:<17}  {one.id}  {one.detail}")
            if options.delete_log_groups:
                leftovers = delete_log_groups(region, leftovers, is_agreed=options.yes, terminal=terminal)
    except KubectlError as error:
        raise LeftoversError(str(error)) from error
    return leftovers


def _client(service: str, region_name: str | None) -> Any:  # noqa: ANN401 (a boto3 client)
    return boto3.client(service, region_name=region_name, config=_LIMITS)  # type: ignore[call-overload]  # no literal


def main(arguments: Sequence[str] | None = None) -> int:
    """List what is left of a stack.

    Returns:
        Exit status: 0 if nothing is left, 3 if something is, 1 after an error, 130 after Ctrl-C.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stack_name", metavar="STACK_NAME", nargs="?", default="SdOnEKSStack")
    parser.add_argument("--region", help="where the stack was (default: the region of the environment)")
    parser.add_argument("--delete-log-groups", action="store_true", help="delete the log groups that are listed")
    parser.add_argument("--yes", action="store_true", help="delete them without asking")
    parser.add_argument("--json", action="store_true", help="print what is left as JSON on standard output")
    options = parser.parse_args(arguments)
    if options.yes and not options.delete_log_groups:
        parser.error("--yes is for --delete-log-groups")
    if options.delete_log_groups and not options.yes and not sys.stdin.isatty():
        parser.error("--delete-log-groups needs --yes where nobody can be asked")
    terminal = Terminal()
    try:
        leftovers = run(options, terminal)
    except LeftoversError as error:
        terminal.line(f"leftovers: {error}")
        return _FAILURE
    except (KeyboardInterrupt, EOFError):  # EOFError: Ctrl-D instead of an answer
        terminal.line("interrupted")
        return _INTERRUPTED
    if options.json:
        print(json.dumps([asdict(one) for one in leftovers]))
    left = [one for one in leftovers if not one.deleted]
    if deleted := len(leftovers) - len(left):
        terminal.line(f"deleted {deleted} log group(s)")
    terminal.line(f"{len(left)} left of {options.stack_name}" if left else f"nothing is left of {options.stack_name}")
    return _SOMETHING_IS_LEFT if left else 0


if __name__ == "__main__":
    sys.exit(main())
