"""The output bucket, as the API uses it: large request bodies go there, and results are handed out."""

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
"""How long a presigned link is good for."""


@dataclass(frozen=True, slots=True)
class PayloadStore:
    """The output bucket.

    Attributes:
        client: makes or gives the S3 client.
        bucket: its name.
    """

    client: "Callable[[], S3Client]"
    bucket: str

    def park(self, body: bytes, owner: str, pointer: str) -> PayloadRef:
        """Store a body that is too large for a message.

        It is put anew each time, so that it lives as long as the newest message that refers to it.

        Args:
            body: JSON.
            owner: whose it is.
            pointer: RFC 6901, where the content stands in it.

        Raises:
            ApiError: it could not be stored; the request may be sent again.
        """
        key = payload_key(owner, hashlib.sha256(body).hexdigest())
        try:
            put = self.client().put_object(Bucket=self.bucket, Key=key, Body=body, ContentType="application/json")
        except (ClientError, BotoCoreError) as error:
            raise unavailable() from error
        return PayloadRef(url=f"s3://{self.bucket}/{key}", etag=put["ETag"], pointer=pointer)

    def link(self, url: str) -> str:
        """A link for the next `LINK_SECONDS` to an object of the bucket.

        Args:
            url: `s3://bucket/key`.
        """
        bucket, _, key = url.removeprefix("s3://").partition("/")
        return self.client().generate_presigned_url(
            "get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=LINK_SECONDS
        )
