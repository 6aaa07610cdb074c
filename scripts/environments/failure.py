"""The sentence for what a tool printed when it failed: the cause, and what to do before the next try."""

import re
import signal
from typing import Final, NamedTuple


class _Cause(NamedTuple):
    pattern: str
    sentence: str


_NO_MORE: Final = "files must not grow as large here: raise the limit (`ulimit -f`)"

# The first that matches counts: a full disk shows up as many other things.
_CAUSES: Final = [
    _Cause(
        pattern=r"no space left on device|ENOSPC|os error 28|disk quota exceeded|EDQUOT|os error 122",
        sentence="the disk is full: free 2 GB for this clone and for the package caches",
    ),
    _Cause(pattern=r"file too large|EFBIG|os error 27", sentence=_NO_MORE),
    _Cause(
        pattern=r"read-only file system|EROFS|os error 30",
        sentence="a folder that it writes to is read-only: make it writable",
    ),
    _Cause(
        pattern=r"permission denied|EACCES|os error 13|operation not permitted|EPERM|os error 1\b",
        sentence="a folder that it writes to belongs to another user: change its owner",
    ),
    _Cause(
        pattern=r"do not match the hashes|hash mismatch|EINTEGRITY",
        sentence="a package is not the one that the lock file names: check the index that pip, uv and npm use",
    ),
    _Cause(
        pattern=r"certificate[ _]verify[ _]failed|invalid peer certificate|UNABLE_TO_(?:GET|VERIFY)|SELF_SIGNED_CERT"
        r"|UnknownIssuer|self[- ]signed certificate|confirming the ssl certificate",
        sentence="the certificate of the package index is not trusted here: name its authority's file in "
        "SSL_CERT_FILE, PIP_CERT and NODE_EXTRA_CA_CERTS",
    ),
    _Cause(
        pattern=r"temporary failure in name resolution|name or service not known|could not resolve|dns error|ENOTFOUND"
        r"|EAI_AGAIN|connection refused|ECONNREFUSED|ECONNRESET|connection reset|ETIMEDOUT|timed out"
        r"|network is unreachable|ENETUNREACH|no route to host|EHOSTUNREACH|failed to establish a new connection"
        r"|tcp connect error|error sending request|proxyerror|urlopen error|ERR_SOCKET",
        sentence="the package index cannot be reached: check the network, the proxy (HTTPS_PROXY) and the index that "
        "pip, uv and npm use",
    ),
    _Cause(
        pattern=r"\b(?:unauthorized|forbidden)\b|E40[13]\b",
        sentence="the package index refuses to serve this machine: check the credentials that pip, uv and npm use",
    ),
    _Cause(
        pattern=r"HTTP status server error|\b50[0234] server error|E50[0234]\b",
        sentence="the package index does not work at the moment: wait, or name another one to pip, uv and npm",
    ),
    _Cause(
        pattern=r"E404\b|not found in the package registry|no matching distribution",
        sentence="the package index has not got a package of the lock file: check the index that pip, uv and npm use",
    ),
    _Cause(
        pattern=r"no module named '?(?:venv|ensurepip|ssl|zlib)\b|ensurepip is not available",
        sentence="this Python is not complete: install the rest of it (Debian and Ubuntu: `apt install python3-venv`)",
    ),
]

_BY_SIGNAL: Final = {
    signal.SIGKILL: "it was killed, as the kernel does when memory runs out: leave more memory free",
    signal.SIGXFSZ: _NO_MORE,
}


def cause(output: str, exit_status: int | None = None) -> str:
    """Name the cause of a failure, and what to do.

    Args:
        output: what the tool has printed, or the operating system's message.
        exit_status: the tool's exit status, negative for a signal; None where no tool has failed.
    """
    return f"{_cause(output, exit_status)}, then run `make setup` again"


def _cause(output: str, exit_status: int | None) -> str:
    for one in _CAUSES:
        if re.search(one.pattern, output, re.IGNORECASE):
            return one.sentence
    if exit_status is None:
        return f"{output}: correct that"
    by_signal = _BY_SIGNAL.get(signal.Signals(-exit_status)) if exit_status < 0 else None
    return by_signal or f"its exit status is {exit_status}: correct what it reports below"
