"""What callers put into the output bucket themselves, because it is too large for a request."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from task_record.identifiers import is_prefix, new_submission

from .errors import invalid, unavailable
from .payload_store import LINK_SECONDS
from .timestamp import timestamp

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MAX_UPLOAD_BYTES: Final = 20 * 1024 * 1024
"""Largest upload; what is not an image is read and checked at submit."""

_FIELD: Final = "task.content_ref"
# Without the right to list the bucket, what is not there is forbidden:
# https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html#API_GetObject_Permissions
_ABSENT: Final = frozenset({"NoSuchKey", "AccessDenied"})


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadedBody:
    """An upload, as it was when it was read.

    Attributes:
        body: the bytes.
        etag: ETag, by which a later reader sees that it is still the same.
        url: `s3://bucket/key`.
    """

    body: bytes
    etag: str
    url: str


@dataclass(frozen=True, slots=True)
class Uploads:
    """The uploads in the output bucket: `uploads/<owner>/<ULID>`.

    Attributes:
        client: makes or gives the S3 client.
        bucket: name of the bucket.
    """

    client: "Callable[[], S3Client]"
    bucket: str

    def offer(self, owner: str, *, content_type: str, content_length: int, now_ms: int) -> dict[str, Any]:
        """Let the caller put one object, of exactly this size and type, within `LINK_SECONDS`. No call.

        Args:
            owner: the caller.
            content_type: media type.
            content_length: bytes.
            now_ms: the time.

        Returns:
            `{"url", "method", "headers", "content_ref", "expires_at"}`; the headers are signed, and S3 refuses others.
        """
        key = f"{self._prefix(owner)}{new_submission(now_ms)}"
        url = self.client().generate_presigned_url(
            "put_object",
            Params={
                "Bucket": self.bucket,
                "Key": key,
                "ContentType": content_type,
                "ContentLength": content_length,
            },
            ExpiresIn=LINK_SECONDS,
        )
        return {
            "url": url,
            "method": "PUT",
            "headers": {"Content-Type": content_type, "Content-Length": str(content_length)},
            "content_ref": f"s3://{self.bucket}/{key}",
            "expires_at": timestamp(now_ms + LINK_SECONDS * 1000),
        }

    def read(self, ref: str, owner: str) -> UploadedBody:
        """Read an upload of the caller's own; one call.

        Args:
            ref: `content_ref`, as a caller sends it.
            owner: the caller.

        Raises:
            ApiError: 400 where it is none of the caller's uploads or too large, 503 where the bucket does not answer.
        """
        own = f"s3://{self.bucket}/{self._prefix(owner)}"
        name = ref.removeprefix(own)
        # A segment such as `..` leads elsewhere with a client that resolves it.
        if not ref.startswith(own) or not is_prefix(name) or name.endswith("/"):
            raise invalid(_FIELD, "must be a content_ref that POST /v1alpha2/uploads has answered to this API key")
        try:
            found = self.client().get_object(Bucket=self.bucket, Key=ref.removeprefix(f"s3://{self.bucket}/"))
            with found["Body"] as stream:
                if found["ContentLength"] > MAX_UPLOAD_BYTES:
                    raise invalid(
                        _FIELD, f"must be at most {MAX_UPLOAD_BYTES} bytes long, has {found['ContentLength']}"
                    )
                body = stream.read()
        except ClientError as error:
            if error.response["Error"]["Code"] in _ABSENT:
                raise invalid(_FIELD, "names nothing that is there; put it before it is submitted") from error
            raise unavailable() from error
        except BotoCoreError as error:
            raise unavailable() from error
        return UploadedBody(body=body, etag=found["ETag"], url=ref)

    @staticmethod
    def _prefix(owner: str) -> str:
        return f"uploads/{owner}/"
