"""Fetches https:// links. The host is resolved once, and all its addresses are checked before the connection.

The host is not resolved a second time, so DNS rebinding has no effect.
"""

import asyncio
import re
import socket
import ssl
from ipaddress import ip_address
from typing import Any, Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from queue_agent.inputs.limits import InputLimits, LinkError
from queue_agent.inputs.sinks import Sink
from task_record.inputs.public_hosts import Policy, is_allowed_host, is_public

_HEADERS: Final = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "sd-on-eks-queue-agent"}
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_OK: Final = 200
_TRANSIENT: Final = frozenset({429, 500, 502, 503, 504})
_PAUSES_S: Final = (1.0, 2.0)
_CHUNK: Final = 2**16
_MAX_HOST_LENGTH: Final = 100
"""Maximum length of a host in an error message."""
_PRINTABLE: Final = re.compile(r"[!-~]+")


class _TransientError(LinkError):
    """An input that cannot be fetched now. A retry may succeed."""


class HttpsLinks:
    """Fetches https:// links.

    Args:
        limits: limits of size and time.
        is_allowed: decides whether an address is allowed.
        resolver: DNS resolver; `None` for the resolver of the system.
        tls: trusted certificates; `None` for the default.
    """

    def __init__(
        self,
        limits: InputLimits,
        *,
        is_allowed: Policy = is_public,
        resolver: AbstractResolver | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._limits = limits
        self._is_allowed = is_allowed
        self._resolver = resolver
        self._tls = tls

    async def fetch(self, link: str, sink: Sink) -> None:
        """Fetch a link. After a lost connection it is fetched again from the start.

        Args:
            link: an https:// URL.
            sink: the destination.

        Raises:
            LinkError: the link cannot be fetched, or is not allowed.
            TaskFailedError: the disk write failed.
        """
        timeout_s = self._limits.timeout_s
        connector = aiohttp.TCPConnector(
            resolver=_GuardedResolver(self._resolver or aiohttp.ThreadedResolver(), self._is_allowed),
            use_dns_cache=False,
            force_close=True,
            ssl=self._tls or True,
            socket_factory=self._socket,
        )
        async with aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=_HEADERS,
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None, connect=timeout_s, sock_read=timeout_s),
        ) as http:
            for pause_s in _PAUSES_S:
                try:
                    return await self._follow(http, self._url(link), sink)
                except _TransientError:
                    await asyncio.sleep(pause_s)
            return await self._follow(http, self._url(link), sink)

    async def _follow(self, http: aiohttp.ClientSession, url: URL, sink: Sink) -> None:
        """Follow redirects, and read the body."""
        for _ in range(self._limits.max_redirects + 1):
            try:
                async with http.get(url, allow_redirects=False) as response:
                    if response.status in _REDIRECTS:
                        url = self._url(str(response.headers.get("Location", "")), base=url)
                        continue
                    if response.status != _OK:
                        kind = _TransientError if response.status in _TRANSIENT else LinkError
                        raise kind(f"cannot be fetched: {_host(url)} responded with {response.status}")
                    encoding = response.headers.get("Content-Encoding", "identity")
                    if encoding != "identity":
                        raise LinkError(f"must have no Content-Encoding, got {encoding[:_MAX_HOST_LENGTH]}")
                    await sink.start(response.content_length)
                    async for chunk in response.content.iter_chunked(_CHUNK):
                        await sink.write(chunk)
                    return
            except TimeoutError as error:
                raise LinkError(f"cannot be fetched: {_host(url)} timed out") from error
            except (aiohttp.ClientError, OSError, ValueError) as error:
                raise _link_error(url, error) from error
        raise LinkError(f"cannot be fetched: more than {self._limits.max_redirects} redirects")

    def _url(self, link: str, base: URL | None = None) -> URL:
        """Parse a link.

        Raises:
            LinkError: the link is not valid or not allowed.
        """
        try:
            # A presigned URL must not change. A URL with other characters is quoted.
            url = URL(link, encoded=_PRINTABLE.fullmatch(link) is not None)
            url = base.join(url) if base is not None else url
            host, _ = url.raw_host, url.port
        except ValueError as error:
            raise LinkError("must be a valid URL") from error
        if url.scheme != "https" or not host:
            raise LinkError(f"must be an https:// link, got {url.scheme[:_MAX_HOST_LENGTH]}://")
        if url.user is not None or url.password is not None:
            raise LinkError("must not contain a user name or a password")
        if not is_allowed_host(host, self._is_allowed):
            raise LinkError(f"must be on a public host, got {host[:_MAX_HOST_LENGTH]}")
        return url

    def _socket(self, address: tuple[Any, ...]) -> socket.socket:
        """Check the address immediately before every connection."""
        family, kind, protocol, _, place = address
        if not self._is_allowed(ip_address(place[0])):
            raise PermissionError(place[0])
        return socket.socket(family, kind, protocol)


class _GuardedResolver(AbstractResolver):
    """Resolves only hosts whose addresses are all allowed."""

    def __init__(self, resolver: AbstractResolver, is_allowed: Policy) -> None:
        self._resolver = resolver
        self._is_allowed = is_allowed

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        if not all(self._is_allowed(ip_address(one["host"])) for one in found):
            raise PermissionError(host)
        return found

    async def close(self) -> None:
        return


def _host(url: URL) -> str:
    return str(url.raw_host)[:_MAX_HOST_LENGTH]


def _link_error(url: URL, error: Exception) -> LinkError:
    match error:
        case aiohttp.ClientConnectorDNSError():
            # One message for both: the caller must not learn which names exist in the cluster.
            return LinkError(f"cannot be fetched: {_host(url)} is unknown, or not a public host")
        case aiohttp.ClientSSLError():
            return LinkError(f"cannot be fetched: {_host(url)} has no valid certificate")
        case aiohttp.ClientConnectorError():
            return LinkError(f"cannot be fetched: {_host(url)} is unreachable")
        case aiohttp.ClientPayloadError() | aiohttp.ClientOSError() | aiohttp.ServerDisconnectedError():
            return _TransientError(f"cannot be fetched: {_host(url)} closed the connection")
        case _:
            return LinkError(f"cannot be fetched: {_host(url)} closed the connection")
