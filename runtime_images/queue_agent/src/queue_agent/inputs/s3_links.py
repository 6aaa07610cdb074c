"""Fetches s3:// links: the uploads of the task's owner, and objects in input buckets."""

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol

from queue_agent.aws_client import ObjectStream
from queue_agent.errors import AwsError
from queue_agent.inputs.limits import InputLimits, LinkError
from queue_agent.inputs.sinks import Sink
from task_record.inputs.links import bucket_and_key
from task_record.object_keys import uploads_folder

_CLIENT_ERRORS: Final = range(400, 500)
_RETRYABLE: Final = frozenset({408, 429})
_PAUSES_S: Final = (1.0, 2.0)
"""Before each retry of a read that was interrupted."""


class Objects(Protocol):
    """Reads objects. Implemented by `AwsClient`."""

    def stream(self, bucket: str, key: str, *, timeout_s: float) -> AbstractAsyncContextManager[ObjectStream]:
        """Read an S3 object as a stream."""
        ...


class S3Links:
    """Fetches s3:// links.

    Args:
        objects: reads objects.
        output_bucket: the bucket with the uploads.
        limits: the timeout, and the allowed buckets.
    """

    def __init__(self, objects: Objects, output_bucket: str, limits: InputLimits) -> None:
        self._objects = objects
        self._output_bucket = output_bucket
        self._limits = limits

    async def fetch(self, link: str, owner: str, sink: Sink) -> None:
        """Fetch a link.

        Args:
            link: s3://bucket/key.
            owner: owner of the task.
            sink: the destination.

        Raises:
            LinkError: the link cannot be fetched, or is not allowed.
            AwsError: S3 did not respond; a retry may succeed.
            TaskFailedError: the disk write failed.
        """
        bucket, key = bucket_and_key(link)
        self._check(bucket, key, owner)
        for pause_s in _PAUSES_S:
            try:
                return await self._read(bucket, key, sink)
            except AwsError:
                if not sink.size_bytes:
                    raise
            await asyncio.sleep(pause_s)
        return await self._read(bucket, key, sink)

    async def _read(self, bucket: str, key: str, sink: Sink) -> None:
        try:
            async with self._objects.stream(bucket, key, timeout_s=self._limits.timeout_s) as stream:
                await sink.start(stream.size_bytes)
                async for chunk in stream.chunks:
                    await sink.write(chunk)
        except AwsError as error:
            if error.status in _CLIENT_ERRORS and error.status not in _RETRYABLE:
                raise LinkError(f"cannot be fetched: S3 responded with {error.code}") from error
            raise

    def _check(self, bucket: str, key: str, owner: str) -> None:
        if not key:
            raise LinkError("must be s3://bucket/key")
        if bucket in self._limits.input_buckets:
            return
        if bucket != self._output_bucket:
            raise LinkError(f"must be in a bucket that is meant for inputs, got {bucket[:63]}")
        if not key.startswith(uploads_folder(owner)) or {"", ".", ".."} & set(key.split("/")):
            raise LinkError("must be an upload of the task's own owner")
