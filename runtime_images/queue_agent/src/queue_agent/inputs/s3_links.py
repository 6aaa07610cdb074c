"""Inputs in S3: a task's owner's own uploads, and the buckets that are meant for inputs."""

from collections.abc import Mapping
from typing import Final, Protocol

from queue_agent.aws_client import Answer
from queue_agent.errors import AwsError
from queue_agent.inputs.limits import Budget, InputLimits, LinkError
from task_record.inputs.links import bucket_and_key

_UPLOADS: Final = "uploads"
_SAYS_NO: Final = range(400, 500)
_TRY_AGAIN: Final = frozenset({408, 429})


class Objects(Protocol):
    """Reads objects, as `AwsClient` does."""

    async def object(
        self, method: str, bucket: str, key: str, *, timeout_s: float, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Call an operation on an object in S3."""
        ...


class S3Links:
    """Fetches links.

    Args:
        objects: reads them.
        output_bucket: where uploads are.
        limits: how much, how long, from which buckets.
    """

    def __init__(self, objects: Objects, output_bucket: str, limits: InputLimits) -> None:
        self._objects = objects
        self._output_bucket = output_bucket
        self._limits = limits

    async def fetch(self, link: str, owner: str, budget: Budget) -> bytes:
        """Fetch a link.

        Args:
            link: s3://bucket/key.
            owner: of the task.
            budget: what it may take.

        Raises:
            LinkError: it cannot be had, or must not be.
            AwsError: S3 does not answer; it may a moment later.
        """
        bucket, key = bucket_and_key(link)
        self._check(bucket, key, owner)
        # One byte more than is allowed tells what is too large, without reading all of it.
        headers = {"Range": f"bytes=0-{self._limits.max_bytes}"}
        try:
            answer = await self._objects.object("GET", bucket, key, headers=headers, timeout_s=self._limits.timeout_s)
        except AwsError as error:
            if error.status in _SAYS_NO and error.status not in _TRY_AGAIN:
                raise LinkError(f"cannot be had: S3 answers {error.code}") from error
            raise
        budget.check(len(answer.body))
        budget.take(len(answer.body))
        return answer.body

    def _check(self, bucket: str, key: str, owner: str) -> None:
        if not key:
            raise LinkError("must be s3://bucket/key")
        if bucket in self._limits.input_buckets:
            return
        if bucket != self._output_bucket:
            raise LinkError(f"must be in a bucket that is meant for inputs, got {bucket[:63]}")
        if not key.startswith(f"{_UPLOADS}/{owner}/") or {"", ".", ".."} & set(key.split("/")):
            raise LinkError("must be an upload of the task's own owner")
