#!/usr/bin/env python3
"""Send the records of the failure bucket again.

    .venv/bin/python scripts/resend.py [STACK_NAME] [--dry-run] [--json]

The relay and the notifier store poison records in the failure bucket; Lambda stores batches there that they could not
process for twelve hours. When the cause is fixed, run this script: it invokes the function of each record, and deletes
the objects whose records were sent. Other objects stay.

You can interrupt and repeat it: a task that is published twice runs once, and a callback that is published twice is
identical. STACK_NAME is the CloudFormation stack (default SdOnEKSStack); the AWS credentials and region
of the environment are used, and AWS_ENDPOINT_URL for the local stack. Exit status: 0 if no object is left, or with
--dry-run; 1 otherwise.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from aws_errors import aws_errors
from stack_resources import stack_resources
from terminal import Terminal

_LIMITS: Final = Config(connect_timeout=5, read_timeout=70, retries={"total_max_attempts": 3})
"""The timeout of the functions is one minute."""

_BUCKET: Final = "StorageFailureBucket"
_FUNCTIONS: Final = {"relay": "TaskBusRelayFunction", "notifier": "TaskBusNotifierFunction"}
"""Prefixes of logical ids."""

_BY_LAMBDA: Final = "aws/lambda/"
_FAILURE: Final = 1
_INTERRUPTED: Final = 130


class ResendError(Exception):
    """No record can be sent; the message is one sentence."""


class UnreadableError(Exception):
    """An object is not one of the relay, the notifier or Lambda; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """Resources of a stack.

    Attributes:
        bucket: name of the failure bucket.
        functions: names of the functions, by `relay` and `notifier`.
    """

    bucket: str
    functions: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The outcome of an object.

    Attributes:
        key: key of the object.
        handler: `relay` or `notifier`; `None` if the object cannot be read.
        records: number of records.
        outcome: `sent` (and deleted), `found` (in a dry run) or `kept`.
        reason: why it was kept; in a dry run, why it is in the bucket.
    """

    key: str
    handler: str | None
    records: int
    outcome: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedRecords:
    """An object of the failure bucket.

    Attributes:
        handler: `relay` or `notifier`.
        records: stream records.
        reason: why they could not be sent.
        is_batch: whether Lambda stored it; the handler then stores a record again that it still cannot send.
    """

    handler: str
    records: list[dict[str, Any]]
    reason: str
    is_batch: bool


def find_deployment(stack_name: str) -> Deployment:
    """Find the failure bucket and the functions of a stack.

    Raises:
        ResendError: the stack does not exist, or has no such resource.
        ClientError: AWS returned an error.
        BotoCoreError: AWS could not be reached.
    """
    found = {
        resource["LogicalResourceId"]: resource.get("PhysicalResourceId", "")
        for resource in stack_resources(boto3.client("cloudformation", config=_LIMITS), stack_name)
        if resource["ResourceType"] in {"AWS::S3::Bucket", "AWS::Lambda::Function"}
    }

    def physical(prefix: str) -> str:
        for logical_id, name in found.items():
            if logical_id.startswith(prefix):
                return name
        raise ResendError(f"the stack {stack_name} must have a resource {prefix}, got none")

    return Deployment(
        bucket=physical(_BUCKET), functions={handler: physical(prefix) for handler, prefix in _FUNCTIONS.items()}
    )


def read_kept(key: str, body: bytes, deployment: Deployment) -> FailedRecords:
    """Read an object of the failure bucket.

    https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html

    Raises:
        UnreadableError: neither a handler nor Lambda stored it.
    """
    try:
        content = json.loads(body)
        if not key.startswith(_BY_LAMBDA):
            handler = key.partition("/")[0]
            kept = FailedRecords(handler=handler, records=[content["record"]], reason=content["reason"], is_batch=False)
        else:
            context, payload = content["requestContext"], content["payload"]
            # The complete event, as a JSON string in JSON.
            event = json.loads(payload) if isinstance(payload, str) else payload
            named = context["functionArn"].split(":")[6]
            (handler,) = [one for one, name in deployment.functions.items() if name == named]
            kept = FailedRecords(handler=handler, records=event["Records"], reason=context["condition"], is_batch=True)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise UnreadableError(f"is not an object of a handler or of Lambda: {error!r}") from error
    if kept.handler not in deployment.functions:
        raise UnreadableError(f"must be an object of {' or '.join(deployment.functions)}, got one of {kept.handler!r}")
    return kept


class Resend:
    """Sends the records of the failure bucket again.

    Args:
        deployment: the stack.
        dry_run: only list them.
    """

    def __init__(self, deployment: Deployment, *, dry_run: bool) -> None:
        self._deployment = deployment
        self._dry_run = dry_run
        self._s3 = boto3.client("s3", config=_LIMITS)
        self._lambda = boto3.client("lambda", config=_LIMITS)

    def keys(self) -> list[str]:
        """Keys of all objects, sorted."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._deployment.bucket)
        return [one["Key"] for page in pages for one in page.get("Contents", [])]

    def resend(self, key: str) -> Outcome:
        """Send the records of an object, and delete it if all were sent. A failure does not affect other objects."""
        try:
            return self._resend(key)
        except UnreadableError as error:
            return Outcome(key=key, handler=None, records=0, outcome="kept", reason=str(error))
        except ClientError as error:
            reason = f"{error.operation_name}: {error.response['Error']['Code']}"
            return Outcome(key=key, handler=None, records=0, outcome="kept", reason=reason)

    def _resend(self, key: str) -> Outcome:
        body = self._s3.get_object(Bucket=self._deployment.bucket, Key=key)["Body"].read()
        kept = read_kept(key, body, self._deployment)
        outcome, reason = "found", kept.reason
        if not self._dry_run:
            reasons = sorted({reason for record in kept.records for reason in self._send(kept, record)})
            outcome, reason = ("kept", "; ".join(reasons)) if reasons else ("sent", "")
            if not reasons:
                self._s3.delete_object(Bucket=self._deployment.bucket, Key=key)
        return Outcome(key=key, handler=kept.handler, records=len(kept.records), outcome=outcome, reason=reason)

    def _send(self, kept: FailedRecords, record: dict[str, Any]) -> Iterator[str]:
        """Send one record, since a batch can exceed the payload limit of Lambda. Yields why it could not be sent."""
        answer = self._lambda.invoke(
            FunctionName=self._deployment.functions[kept.handler], Payload=json.dumps({"Records": [record]}).encode()
        )
        found = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            yield f"{found.get('errorType')}: {found.get('errorMessage')}"
        elif found.get("Poison") and not kept.is_batch:
            yield kept.reason


def run(stack_name: str, *, dry_run: bool, terminal: Terminal) -> list[Outcome]:
    """Send the records of a stack's failure bucket again.

    Raises:
        ResendError: no record can be sent.
    """
    with aws_errors(ResendError, stack_name=stack_name):
        with terminal.waiting("listing the failure bucket"):
            resend = Resend(find_deployment(stack_name), dry_run=dry_run)
            keys = resend.keys()
        return [resend.resend(key) for key in terminal.each(keys, "reading" if dry_run else "sending")]


def main(arguments: Sequence[str] | None = None) -> int:
    """Send failed records again.

    Returns:
        Exit status: 0 if no object is left, or after a dry run; 130 after Ctrl-C.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stack_name", metavar="STACK_NAME", nargs="?", default="SdOnEKSStack")
    parser.add_argument("--dry-run", action="store_true", help="list the objects, and send nothing")
    parser.add_argument("--json", action="store_true", help="print the outcome of each object as JSON")
    options = parser.parse_args(arguments)
    terminal = Terminal()
    try:
        outcomes = run(options.stack_name, dry_run=options.dry_run, terminal=terminal)
    except ResendError as error:
        terminal.line(f"resend: {error}")
        return _FAILURE
    except KeyboardInterrupt:
        terminal.line("interrupted")
        return _INTERRUPTED
    if options.json:
        print(json.dumps([asdict(outcome) for outcome in outcomes]))
    for outcome in outcomes:
        terminal.line(f"{outcome.outcome}  {outcome.key}  {outcome.records} record(s)  {outcome.reason}".rstrip())
    if not outcomes:
        terminal.line("the failure bucket is empty")
    return _FAILURE if any(outcome.outcome == "kept" for outcome in outcomes) and not options.dry_run else 0


if __name__ == "__main__":
    sys.exit(main())
