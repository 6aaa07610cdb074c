"""What callers put into the output bucket themselves, because it is too large for a request."""

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
# Without the right to list the bucket, what is not there is forbidden:
# https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html#API_GetObject_Permissions
# A HEAD has no body that could name its error: botocore takes the status.
_ABSENT: Final = frozenset({"NoSuchKey", "AccessDenied", "404", "403"})


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


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadedFile:
    """What is known of an upload without reading it.

    Attributes:
        content_type: as it was declared, and signed.
        content_length: bytes.
    """

    content_type: str
    content_length: int


@dataclass(frozen=True, slots=True)
class Uploads:
    """The uploads in the output bucket, each named by a ULID.

    Attributes:
        client: makes or gives the S3 client.
        bucket: name of the bucket.
    """

    client: "Callable[[], S3Client]"
    bucket: str

    def offer(
        self, owner: str, *, content_type: str, content_length: int, max_input_bytes: int, now_ms: int
    ) -> dict[str, Any]:
        """Let the caller put one object, of exactly this size and type, within `LINK_SECONDS`. No call.

        Args:
            owner: the caller.
            content_type: media type.
            content_length: bytes.
            max_input_bytes: largest input that any runtime takes.
            now_ms: the time.

        Returns:
            `{"url", "method", "headers", "content_ref", "expires_at"}`; the headers are signed, and S3 refuses others.

        Raises:
            ApiError: no task could use an object of this size.
        """
        most = INPUT_MAX_BYTES if content_type == _CONTENT else max_input_bytes
        if content_length > most:
            raise invalid("content_length", f"must be a whole number from 1 to {most}, got the number {content_length}")
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
        """Read an upload of the caller's own; one call.

        Args:
            ref: `content_ref`, as a caller sends it.
            owner: the caller.

        Raises:
            ApiError: 400 where it is none of the caller's uploads or too large, 503 where the bucket does not answer.
        """
        self.check(ref, owner, _FIELD)
        with _answered(_FIELD):
            found = self.client().get_object(Bucket=self.bucket, Key=self._key(ref))
            with found["Body"] as stream:
                _check_size(found["ContentLength"], _FIELD, INPUT_MAX_BYTES)
                body = stream.read()
        return UploadedBody(body=body, etag=found["ETag"], url=ref)

    def describe(self, ref: str, owner: str, field: str, *, max_bytes: int) -> UploadedFile:
        """Look for an upload of the caller's own; one call.

        Args:
            ref: `content_ref`, as a caller sends it.
            owner: the caller.
            field: where it stands.
            max_bytes: largest upload that may be meant.

        Raises:
            ApiError: 400 where it is none of the caller's uploads or too large, 503 where the bucket does not answer.
        """
        self.check(ref, owner, field)
        with _answered(field):
            found = self.client().head_object(Bucket=self.bucket, Key=self._key(ref))
        _check_size(found["ContentLength"], field, max_bytes)
        return UploadedFile(content_type=found["ContentType"], content_length=found["ContentLength"])

    def check(self, ref: str, owner: str, field: str, *, also: Sequence[str] = ()) -> None:
        """Check that a link names an upload of the caller's own, there or not. No call.

        Args:
            ref: `s3://bucket/key`.
            owner: the caller.
            field: where it stands.
            also: buckets that it might name instead.

        Raises:
            ApiError: it does not.
        """
        own = f"s3://{self.bucket}/{uploads_folder(owner)}"
        name = ref.removeprefix(own)
        # A segment such as `..` leads elsewhere with a client that resolves it.
        if not ref.startswith(own) or not is_prefix(name) or name.endswith("/"):
            otherwise = f", or lie in {' or '.join(also)}" if also else ""
            raise invalid(
                field, f"must be a content_ref that POST /v1alpha2/uploads has answered to this API key{otherwise}"
            )

    def _key(self, ref: str) -> str:
        return ref.removeprefix(f"s3://{self.bucket}/")


@contextmanager
def _answered(field: str) -> Iterator[None]:
    """What S3 answers otherwise, in the contract's words."""
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] in _ABSENT:
            raise invalid(field, "names nothing that is there; put it before it is submitted") from error
        raise unavailable() from error
    except BotoCoreError as error:
        raise unavailable() from error


def _check_size(content_length: int, field: str, max_bytes: int) -> None:
    if content_length > max_bytes:
        raise invalid(field, f"must be at most {max_bytes} bytes long, has {content_length}")
