"""The sentence for a failure, from what the tools really print."""

import errno
import os
import signal

import pytest

from environments.failure import cause

DISK = "the disk is full: free 2 GB"
UNREACHABLE = "the package index cannot be reached: check the network"
UNTRUSTED = "the certificate of the package index is not trusted here"
REFUSED = "the package index refuses to serve this machine"
BROKEN = "the package index does not work at the moment"
MISSING = "the package index has not got a package"
CHANGED = "a package is not the one that the lock file names"

OUTPUTS: dict[str, tuple[str, str]] = {
    "uv, disk": (DISK, "  cause: failed to copy file from /a to /b: No space left on device (os error 28)"),
    "pip, disk": (DISK, "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"),
    "npm, disk": (DISK, "npm error code ENOSPC\nnpm error syscall write\nnpm error errno ENOSPC"),
    "uv, quota": (DISK, "  cause: failed to write: Disk quota exceeded (os error 122)"),
    "uv, closed": (
        UNREACHABLE,
        (
            "error: Request failed after 3 retries in 4.8s\n  cause: Failed to fetch: http://127.0.0.1:1/simple/a/\n"
            "  cause: tcp connect error\n  cause: Connection refused (os error 111)"
        ),
    ),
    "uv, name": (
        UNREACHABLE,
        "  cause: dns error\n  cause: failed to lookup address information: Name or service not known",
    ),
    "pip, closed": (
        UNREACHABLE,
        (
            "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError('<pip._vendor."
            "urllib3.connection.HTTPConnection object at 0x7f>: Failed to establish a new connection: [Errno 111] "
            "Connection refused')': /simple/uv/\nERROR: No matching distribution found for uv==0.13.9"
        ),
    ),
    "npm, closed": (UNREACHABLE, "npm error   code: 'ECONNREFUSED',\nnpm error   syscall: 'connect',"),
    "npm, name": (UNREACHABLE, "npm error code ENOTFOUND\nnpm error syscall getaddrinfo"),
    "fetched pip, closed": (UNREACHABLE, "<urlopen error [Errno 111] Connection refused>"),
    "uv, certificate": (UNTRUSTED, "error sending request\ninvalid peer certificate: Other(CaUsedAsEndEntity)"),
    "pip, certificate": (
        UNTRUSTED,
        (
            "Could not fetch URL https://a/simple/uv/: There was a problem confirming the ssl certificate: HTTPS"
            "ConnectionPool(host='a'): Max retries exceeded (Caused by SSLError(SSLCertVerificationError(1, '[SSL: "
            "CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate (_ssl.c:1006)')))"
        ),
    ),
    "npm, certificate": (UNTRUSTED, "npm error code DEPTH_ZERO_SELF_SIGNED_CERT"),
    "uv, 401": (REFUSED, "hint: could not be queried due to a lack of valid authentication (401 Unauthorized)"),
    "npm, 403": (REFUSED, "npm error code E403\nnpm error 403 403 Forbidden - GET http://127.0.0.1:18403/uri-js"),
    "uv, 503": (BROKEN, "  cause: HTTP status server error (503 Service Unavailable) for url (http://a/simple/boto3/)"),
    "npm, 503": (BROKEN, "npm error code E503\nnpm error 503 Service Unavailable - GET http://a/uri-js"),
    "uv, 404": (MISSING, "  cause: Because boto3 was not found in the package registry and you require boto3==1.43"),
    "pip, 404": (MISSING, "ERROR: No matching distribution found for uv==0.13.9"),
    "npm, 404": (MISSING, "npm error code E404\nnpm error 404 Not Found - GET http://a/uri-js"),
    "uv, hash": (CHANGED, "  cause: Hash mismatch for `uv==0.13.9`\n\nExpected:\n  sha256:16963d"),
    "pip, hash": (CHANGED, "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE."),
    "npm, hash": (CHANGED, "npm error code EINTEGRITY\nnpm error Integrity checksum failed when using sha512"),
    "no venv": ("this Python is not complete", "/usr/bin/python3: No module named venv"),
}


@pytest.mark.parametrize(("sentence", "output"), OUTPUTS.values(), ids=OUTPUTS)
def test_cause_is_named(sentence: str, output: str) -> None:
    assert cause(output, 1).startswith(sentence)
    assert cause(output, 1).endswith(", then run `make setup` again")


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.ENOSPC, DISK),
        (errno.EDQUOT, DISK),
        (errno.EROFS, "a folder that it writes to is read-only"),
        (errno.EACCES, "a folder that it writes to belongs to another user"),
        (errno.EPERM, "a folder that it writes to belongs to another user"),
        (errno.EFBIG, "files must not grow as large here"),
        (errno.EISDIR, "Is a directory: correct that"),
    ],
)
def test_error_of_the_operating_system_is_named(number: int, sentence: str) -> None:
    assert cause(os.strerror(number)).startswith(sentence)


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (-signal.SIGKILL, "it was killed, as the kernel does when memory runs out"),
        (-signal.SIGXFSZ, "files must not grow as large here"),
        (-signal.SIGSEGV, "its exit status is -11: correct what it reports below"),
        (2, "its exit status is 2: correct what it reports below"),
    ],
)
def test_exit_status_is_named_where_the_output_names_nothing(status: int, sentence: str) -> None:
    assert cause("words", status).startswith(sentence)
