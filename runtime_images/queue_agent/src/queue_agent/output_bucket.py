"""The output bucket: what a task leaves there, and the large request bodies that it reads from there."""

import hashlib
from typing import Any, Final

import orjson

from queue_agent.aws_client import AwsClient
from queue_agent.errors import AwsError, BadTaskError
from task_record.message import PayloadRef

_CALL_S: Final = 20.0
_TAKEN: Final = 412
_GONE: Final = frozenset({404, 412})


class NameTakenError(Exception):
    """Another object has this name: the names of another claim begin alike."""


class OutputBucket:
    """The output bucket.

    Args:
        aws: for the calls.
        bucket: its name.
    """

    def __init__(self, aws: AwsClient, bucket: str) -> None:
        self._aws = aws
        self.bucket = bucket

    async def put(self, key: str, body: bytes, content_type: str) -> str:
        """Store an object; nothing is ever overwritten.

        Returns:
            Its s3:// URL.

        Raises:
            NameTakenError: there is another object with this name.
            AwsError: S3 does not answer or says no.
        """
        headers = {"Content-Type": content_type, "If-None-Match": "*"}
        try:
            await self._aws.object("PUT", self.bucket, key, body=body, headers=headers, timeout_s=_CALL_S)
        except AwsError as error:
            if error.status != _TAKEN:
                raise
            # A lost reply: what is there is what was sent. The ETag of such an object is the MD5 of its body.
            there = await self._aws.object("HEAD", self.bucket, key, timeout_s=_CALL_S)
            ours = hashlib.md5(body, usedforsecurity=False).hexdigest()
            if there.headers.get("ETag", "").strip('"') != ours:
                raise NameTakenError(key) from error
        return f"s3://{self.bucket}/{key}"

    async def read_content(self, payload: PayloadRef) -> dict[str, Any]:
        """Read the content of a task that was too large for its message.

        Raises:
            BadTaskError: it is gone, has changed, or is no object.
            AwsError: S3 does not answer or says no.
        """
        bucket, _, key = payload.url.removeprefix("s3://").partition("/")
        if bucket != self.bucket:
            raise BadTaskError("bad_message", f"content_ref must be in {self.bucket}, got {bucket}")
        try:
            answer = await self._aws.object("GET", bucket, key, headers={"If-Match": payload.etag}, timeout_s=_CALL_S)
        except AwsError as error:
            if error.status in _GONE:
                raise BadTaskError("content_gone", f"{payload.url} is gone or has changed") from error
            raise
        return _at(payload, answer.body)


def _at(payload: PayloadRef, body: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(body)
        # RFC 6901; the pointers are the task API's own, without escapes.
        for name in payload.pointer.split("/")[1:]:
            value = value[name]
    except (orjson.JSONDecodeError, LookupError, TypeError) as error:
        raise BadTaskError("bad_message", f"{payload.url} has no content at {payload.pointer!r}") from error
    if not isinstance(value, dict):
        raise BadTaskError("bad_message", f"the content in {payload.url} is no object")
    return value
