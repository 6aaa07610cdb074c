"""The output bucket, as the API uses it: it stores large request bodies, and presigns URLs of results."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from task_record.message import PayloadRef
from task_record.object_keys import payload_key

from .errors import unavailable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LINK_SECONDS: Final = 15 * 60
"""How long a presigned URL is valid."""


@dataclass(frozen=True, slots=True)
class PayloadStore:
    """The output bucket.

    Attributes:
        client: returns the S3 client.
        bucket: name of the bucket.
    """

    client: "Callable[[], S3Client]"
    bucket: str

    def offload(self, body: bytes, owner: str, pointer: str) -> PayloadRef:
        """Store a body that is too large for a message (claim check).

        An object with the same content is written again, so that it expires after the newest message that refers to it.

        Args:
            body: JSON.
            owner: the caller.
            pointer: JSON Pointer (RFC 6901) to the content in the body.

        Raises:
            ApiError: 503 if it could not be stored; a retry may succeed.
        """
        key = payload_key(owner, hashlib.sha256(body).hexdigest())
        try:
            put = self.client().put_object(Bucket=self.bucket, Key=key, Body=body, ContentType="application/json")
        except (ClientError, BotoCoreError) as error:
            raise unavailable() from error
        return PayloadRef(url=f"s3://{self.bucket}/{key}", etag=put["ETag"], pointer=pointer)

    def link(self, url: str) -> str:
        """A presigned URL of an object of the bucket, valid for `LINK_SECONDS`.

        Args:
            url: `s3://bucket/key`.
        """
        bucket, _, key = url.removeprefix("s3://").partition("/")
        return self.client().generate_presigned_url(
            "get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=LINK_SECONDS
        )
