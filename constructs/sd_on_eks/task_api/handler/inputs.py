"""Inputs of a task: files in base64, and links that stand in their place, which the agent follows.

A link is followed only where it leads to a public host, to the caller's own uploads, or to a bucket that is meant for
inputs. What the caller uploaded is looked for at submit; whatever else is behind a link, nobody but the agent asks for.
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
"""Links of one task. Each upload among them is one call at submit."""

_LONGEST: Final = 8 * 1024
"""Characters of a link: a presigned one with a role's token has two thousand."""

_IMAGE: Final = frozenset(kinds.IN_CONTENT)
_UNTYPED: Final = "application/octet-stream"
"""What browsers say of files whose kind they do not know, such as most 3D models; the agent looks at the bytes."""
_MEDIA: Final = frozenset({*kinds.NAMED, _UNTYPED})
_MUST: Final = {
    _IMAGE: "be an image in base64, or an https:// or s3:// link to one",
    _MEDIA: "be a file in base64, or an https:// or s3:// link to one",
}


class Inputs:
    """The inputs of one request.

    Args:
        uploads: what callers uploaded.
        owner: the caller.
        buckets: names of the buckets that are meant for inputs.
    """

    def __init__(self, uploads: Uploads, *, owner: str, buckets: frozenset[str]) -> None:
        self._uploads = uploads
        self._owner = owner
        self._buckets = buckets
        self._links = 0
        self._own: dict[str, tuple[str, frozenset[str]]] = {}

    def check_image(self, text: str, field: str) -> None:
        """Check an image, as far as that takes no call.

        Args:
            text: base64, or a link.
            field: where it stands.

        Raises:
            ApiError: it is no base64, or a link that is not followed.
        """
        self._check(text, field, _IMAGE)

    def check_media(self, text: str, field: str) -> None:
        """Check an image, a video, audio or a 3D model, as `check_image` does."""
        self._check(text, field, _MEDIA)

    def check_uploads(self, sizes: InputSizes) -> None:
        """Look for the uploads that the links name; one call for each.

        Args:
            sizes: bounds of the runtime that the task goes to.

        Raises:
            ApiError: 400 where one is not there, or is no input; 503 where the bucket does not answer.
        """
        left = sizes.max_total_bytes
        for link, (field, allowed) in self._own.items():
            found = self._uploads.describe(link, self._owner, field, max_bytes=sizes.max_bytes)
            if not {found.content_type, found.content_type.partition("/")[0]} & allowed:
                raise invalid(field, f"must {_MUST[allowed]}, got an upload that was declared as {found.content_type}")
            left -= found.content_length
            if left < 0:
                raise invalid(field, f"is one too many: inputs may have {sizes.max_total_bytes} bytes together")

    def _check(self, text: str, field: str, allowed: frozenset[str]) -> None:
        scheme = scheme_of(text)
        if scheme is None:
            check_base64(text, field, must=_MUST[allowed], kinds=allowed)
            return
        self._links += 1
        if self._links > MAX_LINKS:
            raise invalid(field, f"must be one of at most {MAX_LINKS} links")
        if len(text) > _LONGEST:
            raise invalid(field, f"must be a link of at most {_LONGEST} characters, got {len(text)}")
        match scheme:
            case "https":
                _check_https(text, field)
            case "s3":
                self._check_s3(text, field, allowed)
            case _:
                why = ", which can be read and changed on its way" if scheme == "http" else ", which is not followed"
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
        raise invalid(field, f"must be a link, got one that cannot be read: {error}") from error
    if not host:
        raise invalid(field, "must be a link with a host")
    if parts.username is not None or parts.password is not None:
        raise invalid(field, "must be a link without a user")
    if not is_allowed_host(host):
        raise invalid(field, f"must be a link to a public host, got {host[:60]!r}")
