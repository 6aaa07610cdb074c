"""Inputs of a task: files in base64, or links to files, which the agent downloads.

A link is allowed to a public host, to the caller's own uploads, and to a bucket that is configured for inputs. Uploads
are checked at submit; any other link is first requested by the agent.
"""

from typing import Final
from urllib.parse import urlsplit

from task_record.inputs import kinds
from task_record.inputs.links import bucket_and_key, scheme_of
from task_record.inputs.public_hosts import is_allowed_host
from task_record.inputs.sizes import InputSizes

from .base64_files import check_base64
from .errors import invalid
from .uploads import Uploads

MAX_LINKS: Final = 32
"""Maximum number of links of a task. Each upload among them is one call at submit."""

_LONGEST: Final = 8 * 1024
"""Maximum number of characters of a link. A presigned URL with a session token has about two thousand."""

_IMAGE: Final = frozenset(kinds.IN_CONTENT)
_UNTYPED: Final = "application/octet-stream"
"""The media type that browsers use for unknown types, such as most 3D models. The agent detects the type."""
_MEDIA: Final = frozenset({*kinds.NAMED, _UNTYPED})
_MUST: Final = {
    _IMAGE: "be an image in base64, or an https:// or s3:// link to one",
    _MEDIA: "be a file in base64, or an https:// or s3:// link to one",
}


class Inputs:
    """The inputs of one request.

    Args:
        uploads: the uploads of callers.
        owner: the caller.
        buckets: names of the buckets that are configured for inputs.
    """

    def __init__(self, uploads: Uploads, *, owner: str, buckets: frozenset[str]) -> None:
        self._uploads = uploads
        self._owner = owner
        self._buckets = buckets
        self._links = 0
        self._own: dict[str, tuple[str, frozenset[str]]] = {}

    def check_image(self, text: str, field: str) -> None:
        """Check an image, without a call to AWS.

        Args:
            text: base64, or a link.
            field: path of the field.

        Raises:
            ApiError: it is neither valid base64 nor an allowed link.
        """
        self._check(text, field, _IMAGE)

    def check_media(self, text: str, field: str) -> None:
        """Check an image, a video, audio or a 3D model, as `check_image` does."""
        self._check(text, field, _MEDIA)

    def check_uploads(self, sizes: InputSizes) -> None:
        """Check the uploads that links refer to, with one call for each.

        Args:
            sizes: size limits of the runtime.

        Raises:
            ApiError: 400 if an upload does not exist or is not a valid input; 503 if the bucket is unavailable.
        """
        total_bytes = 0
        for link, (field, allowed) in self._own.items():
            found = self._uploads.describe(link, self._owner, field, max_bytes=sizes.max_bytes)
            if not {found.content_type, found.content_type.partition("/")[0]} & allowed:
                raise invalid(field, f"must {_MUST[allowed]}, got an upload that was declared as {found.content_type}")
            total_bytes += found.content_length
            if total_bytes > sizes.max_total_bytes:
                raise invalid(
                    field,
                    f"must keep all inputs within {sizes.max_total_bytes} bytes in total, got {total_bytes}; send "
                    "fewer or smaller inputs",
                )

    def _check(self, text: str, field: str, allowed: frozenset[str]) -> None:
        scheme = scheme_of(text)
        if scheme is None:
            check_base64(text, field, must=_MUST[allowed], kinds=allowed)
            return
        self._links += 1
        if self._links > MAX_LINKS:
            raise invalid(field, f"must be one of at most {MAX_LINKS} links of a task, got number {self._links}")
        if len(text) > _LONGEST:
            raise invalid(field, f"must be a link of at most {_LONGEST} characters, got {len(text)}")
        match scheme:
            case "https":
                _check_https(text, field)
            case "s3":
                self._check_s3(text, field, allowed)
            case _:
                why = ", which is not encrypted" if scheme == "http" else ", which is not supported"
                raise invalid(field, f"must {_MUST[allowed]}, got a {scheme}:// link{why}")

    def _check_s3(self, link: str, field: str, allowed: frozenset[str]) -> None:
        bucket, key = bucket_and_key(link)
        if bucket in self._buckets and bucket != self._uploads.bucket:
            if not key:
                raise invalid(field, "must be s3://bucket/key, got no key")
            return
        self._uploads.check(link, self._owner, field, also=sorted(self._buckets))
        self._own[link] = (field, allowed)


def _check_https(link: str, field: str) -> None:
    try:
        parts = urlsplit(link)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise invalid(field, f"must be a valid URL, got one that cannot be parsed: {error}") from error
    if not host:
        raise invalid(field, "must be a link with a host, got none")
    if parts.username is not None or parts.password is not None:
        raise invalid(field, "must be a link without user name and password")
    if not is_allowed_host(host):
        raise invalid(field, f"must be a link to a public host, got {host[:60]!r}")
