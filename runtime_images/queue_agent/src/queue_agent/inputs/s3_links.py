"""Inputs in S3: a task's owner's own uploads, and the buckets that are meant for inputs."""

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol

from queue_agent.aws_client import ObjectStream
from queue_agent.errors import AwsError
from queue_agent.inputs.limits import InputLimits, LinkError
from queue_agent.inputs.sinks import Sink
from task_record.inputs.links import bucket_and_key
from task_record.object_keys import uploads_folder

_SAYS_NO: Final = range(400, 500)
_TRY_AGAIN: Final = frozenset({408, 429})
_PAUSES_S: Final = (1.0, 2.0)
"""Before an object that broke off is read again."""


class Objects(Protocol):
    """Reads objects, as `AwsClient` does."""

    def stream(self, bucket: str, key: str, *, timeout_s: float) -> AbstractAsyncContextManager[ObjectStream]:
        """Read an object of S3 as it arrives."""
        ...


class S3Links:
    """Fetches links.

    Args:
        objects: reads them.
        output_bucket: where uploads are.
        limits: how long, from which buckets.
    """

    def __init__(self, objects: Objects, output_bucket: str, limits: InputLimits) -> None:
        self._objects = objects
        self._output_bucket = output_bucket
        self._limits = limits

    async def fetch(self, link: str, owner: str, sink: Sink) -> None:
        """Fetch a link.

        Args:
            link: s3://bucket/key.
            owner: of the task.
            sink: gets it.

        Raises:
            LinkError: it cannot be had, or must not be.
            AwsError: S3 does not answer; it may a moment later.
            TaskFailedError: the disk does not take it.
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
            if error.status in _SAYS_NO and error.status not in _TRY_AGAIN:
                raise LinkError(f"cannot be had: S3 answers {error.code}") from error
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
