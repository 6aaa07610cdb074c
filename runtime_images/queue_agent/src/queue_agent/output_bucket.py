"""The output bucket: stores the results of tasks, and has the offloaded request bodies."""

import hashlib
from typing import Any, Final

import orjson

from queue_agent.aws_client import AwsClient
from queue_agent.errors import AwsError, BadTaskError
from task_record.message import PayloadRef

_CALL_S: Final = 20.0
_PRECONDITION_FAILED: Final = 412
_DELETED_OR_CHANGED: Final = frozenset({404, 412})


class NameTakenError(Exception):
    """The key already exists with other content: another claim has the same tag."""


class OutputBucket:
    """The output bucket."""

    def __init__(self, aws: AwsClient, bucket: str) -> None:
        self._aws = aws
        self.bucket = bucket

    async def put(self, key: str, body: bytes, content_type: str) -> str:
        """Store an object. An existing object is never overwritten.

        Returns:
            The s3:// URL of the object.

        Raises:
            NameTakenError: the key already exists with other content.
            AwsError: S3 did not respond, or returned an error.
        """
        headers = {"Content-Type": content_type, "If-None-Match": "*"}
        try:
            await self._aws.object("PUT", self.bucket, key, body=body, headers=headers, timeout_s=_CALL_S)
        except AwsError as error:
            if error.status != _PRECONDITION_FAILED:
                raise
            # After a lost response the stored object is the one that was sent. Its ETag is the MD5 of the body.
            there = await self._aws.object("HEAD", self.bucket, key, timeout_s=_CALL_S)
            ours = hashlib.md5(body, usedforsecurity=False).hexdigest()
            if there.headers.get("ETag", "").strip('"') != ours:
                raise NameTakenError(key) from error
        return f"s3://{self.bucket}/{key}"

    async def read_content(self, payload: PayloadRef) -> dict[str, Any]:
        """Read the offloaded content of a task.

        Raises:
            BadTaskError: the object was deleted or changed, or its content is not a JSON object.
            AwsError: S3 did not respond, or returned an error.
        """
        bucket, _, key = payload.url.removeprefix("s3://").partition("/")
        if bucket != self.bucket:
            raise BadTaskError("bad_message", f"content_ref must be in {self.bucket}, got {bucket}")
        try:
            answer = await self._aws.object("GET", bucket, key, headers={"If-Match": payload.etag}, timeout_s=_CALL_S)
        except AwsError as error:
            if error.status in _DELETED_OR_CHANGED:
                message = f"{payload.url} was deleted or changed after the submit; submit the task again"
                raise BadTaskError("content_gone", message) from error
            raise
        return _at(payload, answer.body)


def _at(payload: PayloadRef, body: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(body)
        # RFC 6901. The pointers are from the task API, and have no escapes.
        for name in payload.pointer.split("/")[1:]:
            value = value[name]
    except (orjson.JSONDecodeError, LookupError, TypeError) as error:
        raise BadTaskError("bad_message", f"{payload.url} has no content at {payload.pointer!r}") from error
    if not isinstance(value, dict):
        raise BadTaskError("bad_message", f"the content in {payload.url} must be a JSON object")
    return value
