"""Objects that callers upload to the output bucket, because they are too large for a request."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from task_record.identifiers import new_submission
from task_record.inputs.sizes import INPUT_MAX_BYTES
from task_record.object_keys import is_prefix, uploads_folder

from .errors import invalid, unavailable
from .payload_store import LINK_SECONDS
from .timestamp import timestamp

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_FIELD: Final = "task.content_ref"
_CONTENT: Final = "application/json"
# Without the permission to list the bucket, S3 returns AccessDenied for an object that does not exist:
# https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html#API_GetObject_Permissions
# The response to HEAD has no body with an error code: botocore uses the status.
_ABSENT: Final = frozenset({"NoSuchKey", "AccessDenied", "404", "403"})


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadedBody:
    """The content of an upload.

    Attributes:
        body: the bytes.
        etag: ETag; a later reader uses it to detect a change.
        url: `s3://bucket/key`.
    """

    body: bytes
    etag: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadedFile:
    """The metadata of an upload.

    Attributes:
        content_type: the declared media type, which is part of the signature.
        content_length: size in bytes.
    """

    content_type: str
    content_length: int


@dataclass(frozen=True, slots=True)
class Uploads:
    """The uploads in the output bucket, each named by a ULID.

    Attributes:
        client: returns the S3 client.
        bucket: name of the bucket.
    """

    client: "Callable[[], S3Client]"
    bucket: str

    def offer(
        self, owner: str, *, content_type: str, content_length: int, max_input_bytes: int, now_ms: int
    ) -> dict[str, Any]:
        """Presign a PUT of one object of exactly this size and type, valid for `LINK_SECONDS`. Makes no call.

        Args:
            owner: the caller.
            content_type: media type.
            content_length: size in bytes.
            max_input_bytes: maximum size of an input of any runtime.
            now_ms: the current time, epoch milliseconds.

        Returns:
            `{"url", "method", "headers", "content_ref", "expires_at"}`; the headers are signed, and S3 rejects others.

        Raises:
            ApiError: the object is too large for any task.
        """
        max_bytes = INPUT_MAX_BYTES if content_type == _CONTENT else max_input_bytes
        if content_length > max_bytes:
            raise invalid(
                "content_length", f"must be a whole number from 1 to {max_bytes}, got the number {content_length}"
            )
        key = f"{uploads_folder(owner)}{new_submission(now_ms)}"
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
        """Read an upload of the caller, with one call.

        Args:
            ref: `content_ref` of the request.
            owner: the caller.

        Raises:
            ApiError: 400 if it is not an upload of the caller or is too large; 503 if the bucket is unavailable.
        """
        self.check(ref, owner, _FIELD)
        with _s3_errors(_FIELD):
            found = self.client().get_object(Bucket=self.bucket, Key=self._key(ref))
            with found["Body"] as stream:
                _check_size(found["ContentLength"], _FIELD, INPUT_MAX_BYTES)
                body = stream.read()
        return UploadedBody(body=body, etag=found["ETag"], url=ref)

    def describe(self, ref: str, owner: str, field: str, *, max_bytes: int) -> UploadedFile:
        """Read the metadata of an upload of the caller, with one call.

        Args:
            ref: `content_ref` of the request.
            owner: the caller.
            field: path of the field.
            max_bytes: maximum size.

        Raises:
            ApiError: 400 if it is not an upload of the caller or is too large; 503 if the bucket is unavailable.
        """
        self.check(ref, owner, field)
        with _s3_errors(field):
            found = self.client().head_object(Bucket=self.bucket, Key=self._key(ref))
        _check_size(found["ContentLength"], field, max_bytes)
        return UploadedFile(content_type=found["ContentType"], content_length=found["ContentLength"])

    def check(self, ref: str, owner: str, field: str, *, also: Sequence[str] = ()) -> None:
        """Check that a link can refer to an upload of the caller. Makes no call, so the upload may not exist.

        Args:
            ref: `s3://bucket/key`.
            owner: the caller.
            field: path of the field.
            also: other buckets that are allowed, for the error message.

        Raises:
            ApiError: it cannot.
        """
        own = f"s3://{self.bucket}/{uploads_folder(owner)}"
        name = ref.removeprefix(own)
        # A client that resolves a segment such as `..` would read another object.
        if not ref.startswith(own) or not is_prefix(name) or name.endswith("/"):
            others = f", or a link to an object of the bucket {' or '.join(also)}" if also else ""
            raise invalid(field, f"must be a content_ref that POST /v1alpha2/uploads returned to this API key{others}")

    def _key(self, ref: str) -> str:
        return ref.removeprefix(f"s3://{self.bucket}/")


@contextmanager
def _s3_errors(field: str) -> Iterator[None]:
    """Turn errors of S3 into errors of the API."""
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] in _ABSENT:
            raise invalid(
                field, "must refer to an existing upload, got one that does not exist; upload it before you submit"
            ) from error
        raise unavailable() from error
    except BotoCoreError as error:
        raise unavailable() from error


def _check_size(content_length: int, field: str, max_bytes: int) -> None:
    if content_length > max_bytes:
        raise invalid(field, f"must be at most {max_bytes} bytes, got {content_length}")
