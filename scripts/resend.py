#!/usr/bin/env python3
"""Send again what could not be sent: the records in the failure bucket.

    .venv/bin/python scripts/resend.py [STACK_NAME] [--dry-run] [--json]

The relay and the notifier put a record there that can never be sent as they are; Lambda puts whole batches there that
they could not send for twelve hours. Once the cause is gone, this hands each record to the function that it was meant
for, and removes what was sent. What still cannot be sent stays.

It is safe to repeat, and to interrupt: a task that is published twice runs once, and a callback that is published twice
is word for word the same. STACK_NAME is the CloudFormation stack (default SdOnEKSStack); the AWS credentials and region
of the environment are used, and AWS_ENDPOINT_URL, as for the local stack. Exit status: 0 if nothing is left, or after
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
"""A function may take a minute."""

_BUCKET: Final = "StorageFailureBucket"
_FUNCTIONS: Final = {"relay": "TaskBusRelayFunction", "notifier": "TaskBusNotifierFunction"}
"""How logical ids begin."""

_BY_LAMBDA: Final = "aws/lambda/"
_FAILURE: Final = 1
_INTERRUPTED: Final = 130


class ResendError(Exception):
    """Nothing can be sent: what is wrong, in one sentence."""


class UnreadableError(Exception):
    """An object that is none of ours: what is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What a stack has.

    Attributes:
        bucket: the failure bucket.
        functions: `relay` and `notifier` -> name of the function.
    """

    bucket: str
    functions: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of an object.

    Attributes:
        key: its key.
        handler: whom its records were meant for, where that can be read.
        records: how many there are.
        outcome: `sent` (and removed), `found` (in a dry run) or `kept`.
        reason: why it was kept, in a dry run why it was there.
    """

    key: str
    handler: str | None
    records: int
    outcome: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An object of the failure bucket.

    Attributes:
        handler: whom its records were meant for.
        records: stream records.
        reason: why they could not be sent.
        is_batch: whether Lambda put it there: then the handler keeps by itself what still cannot be sent.
    """

    handler: str
    records: list[dict[str, Any]]
    reason: str
    is_batch: bool


def find_deployment(stack_name: str) -> Deployment:
    """Find the failure bucket and the functions of a stack.

    Raises:
        ResendError: there is no such stack, or it lacks one of them.
        ClientError: AWS refuses to show it.
        BotoCoreError: AWS cannot be asked.
    """
    found = {
        resource["LogicalResourceId"]: resource.get("PhysicalResourceId", "")
        for resource in stack_resources(boto3.client("cloudformation", config=_LIMITS), stack_name)
        if resource["ResourceType"] in {"AWS::S3::Bucket", "AWS::Lambda::Function"}
    }

    def physical(beginning: str) -> str:
        for logical_id, name in found.items():
            if logical_id.startswith(beginning):
                return name
        raise ResendError(f"the stack {stack_name} has no {beginning}")

    return Deployment(
        bucket=physical(_BUCKET), functions={handler: physical(beginning) for handler, beginning in _FUNCTIONS.items()}
    )


def read_kept(key: str, body: bytes, deployment: Deployment) -> Kept:
    """Read an object of the failure bucket.

    https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html

    Raises:
        UnreadableError: neither a handler nor Lambda put it there.
    """
    try:
        content = json.loads(body)
        if not key.startswith(_BY_LAMBDA):
            handler = key.partition("/")[0]
            kept = Kept(handler=handler, records=[content["record"]], reason=content["reason"], is_batch=False)
        else:
            context, payload = content["requestContext"], content["payload"]
            # The whole event, as JSON text in JSON.
            event = json.loads(payload) if isinstance(payload, str) else payload
            named = context["functionArn"].split(":")[6]
            (handler,) = [one for one, name in deployment.functions.items() if name == named]
            kept = Kept(handler=handler, records=event["Records"], reason=context["condition"], is_batch=True)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise UnreadableError(f"cannot be read: {error!r}") from error
    if kept.handler not in deployment.functions:
        raise UnreadableError(f"is of none of {', '.join(deployment.functions)}")
    return kept


class Resend:
    """Goes through the failure bucket.

    Args:
        deployment: the stack.
        dry_run: look only.
    """

    def __init__(self, deployment: Deployment, *, dry_run: bool) -> None:
        self._deployment = deployment
        self._dry_run = dry_run
        self._s3 = boto3.client("s3", config=_LIMITS)
        self._lambda = boto3.client("lambda", config=_LIMITS)

    def keys(self) -> list[str]:
        """Keys of all objects, in order."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._deployment.bucket)
        return [one["Key"] for page in pages for one in page.get("Contents", [])]

    def resend(self, key: str) -> Outcome:
        """Send the records of one object, and remove it once all are sent; one that fails holds up no other."""
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

    def _send(self, kept: Kept, record: dict[str, Any]) -> Iterator[str]:
        """Send one record: a whole batch may be more than an invocation takes. Yields why it could not be sent."""
        answer = self._lambda.invoke(
            FunctionName=self._deployment.functions[kept.handler], Payload=json.dumps({"Records": [record]}).encode()
        )
        found = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            yield f"{found.get('errorType')}: {found.get('errorMessage')}"
        elif found.get("Poison") and not kept.is_batch:
            yield kept.reason


def run(stack_name: str, *, dry_run: bool, terminal: Terminal) -> list[Outcome]:
    """Go through the failure bucket of a stack.

    Raises:
        ResendError: nothing can be sent.
    """
    with aws_errors(ResendError, stack_name=stack_name):
        with terminal.waiting("listing the failure bucket"):
            resend = Resend(find_deployment(stack_name), dry_run=dry_run)
            keys = resend.keys()
        return [resend.resend(key) for key in terminal.each(keys, "reading" if dry_run else "sending")]


def main(arguments: Sequence[str] | None = None) -> int:
    """Send again what could not be sent.

    Returns:
        Exit status: 0 if nothing is left, or after a dry run; 130 after Ctrl-C.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stack_name", metavar="STACK_NAME", nargs="?", default="SdOnEKSStack")
    parser.add_argument("--dry-run", action="store_true", help="list what is there, and send nothing")
    parser.add_argument("--json", action="store_true", help="print what became of each object as JSON")
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
