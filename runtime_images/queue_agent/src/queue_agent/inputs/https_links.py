"""Inputs on the web. The host is looked up once, every address that it has is checked, and one of them is connected to.

A name that resolves otherwise a moment later is of no use to anybody: it is not looked up again.
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
from task_record.inputs.public_hosts import Policy, is_public, may_be_asked_for

_HEADERS: Final = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "sd-on-eks-queue-agent"}
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_OK: Final = 200
_PASSING: Final = frozenset({429, 500, 502, 503, 504})
_PAUSES_S: Final = (1.0, 2.0)
_CHUNK: Final = 2**16
_LONGEST: Final = 100
"""So much of a host is told."""
_PRINTABLE: Final = re.compile(r"[!-~]+")


class _PassingError(LinkError):
    """An input cannot be had now, but maybe a moment later."""


class HttpsLinks:
    """Fetches links.

    Args:
        limits: how much, how long.
        is_allowed: which addresses may be connected to.
        resolver: looks hosts up; `None` for the system's.
        tls: which certificates are trusted; `None` for the usual.
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
        """Fetch a link; what breaks off is fetched again from its start.

        Args:
            link: https://.
            sink: gets it.

        Raises:
            LinkError: it cannot be had, or must not be.
            TaskFailedError: the disk does not take it.
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
                except _PassingError:
                    await asyncio.sleep(pause_s)
            return await self._follow(http, self._url(link), sink)

    async def _follow(self, http: aiohttp.ClientSession, url: URL, sink: Sink) -> None:
        """Read the body at the end of all redirects."""
        for _ in range(self._limits.max_redirects + 1):
            try:
                async with http.get(url, allow_redirects=False) as response:
                    if response.status in _REDIRECTS:
                        url = self._url(str(response.headers.get("Location", "")), base=url)
                        continue
                    if response.status != _OK:
                        kind = _PassingError if response.status in _PASSING else LinkError
                        raise kind(f"cannot be had: {_host(url)} answers {response.status}")
                    encoding = response.headers.get("Content-Encoding", "identity")
                    if encoding != "identity":
                        raise LinkError(f"must not be compressed, which nobody asked for, got {encoding[:_LONGEST]}")
                    await sink.start(response.content_length)
                    async for chunk in response.content.iter_chunked(_CHUNK):
                        await sink.write(chunk)
                    return
            except TimeoutError as error:
                raise LinkError(f"cannot be had: {_host(url)} is too slow") from error
            except (aiohttp.ClientError, OSError, ValueError) as error:
                raise _broken(url, error) from error
        raise LinkError(f"cannot be had: it is redirected more than {self._limits.max_redirects} times")

    def _url(self, link: str, base: URL | None = None) -> URL:
        """Read a link.

        Raises:
            LinkError: it is none that may be followed.
        """
        try:
            # A signed link stays as it is; what is not in order is put in order.
            url = URL(link, encoded=_PRINTABLE.fullmatch(link) is not None)
            url = base.join(url) if base is not None else url
            host, _ = url.raw_host, url.port
        except ValueError as error:
            raise LinkError("is no link") from error
        if url.scheme != "https" or not host:
            raise LinkError(f"must be an https:// link, got {url.scheme[:_LONGEST]}://")
        if url.user is not None or url.password is not None:
            raise LinkError("must be a link without a user")
        if not may_be_asked_for(host, self._is_allowed):
            raise LinkError(f"must be on a public host, got {host[:_LONGEST]}")
        return url

    def _socket(self, address: tuple[Any, ...]) -> socket.socket:
        """The last thing before a connection, whichever way its address came about."""
        family, kind, protocol, _, place = address
        if not self._is_allowed(ip_address(place[0])):
            raise PermissionError(place[0])
        return socket.socket(family, kind, protocol)


class _GuardedResolver(AbstractResolver):
    """Resolves hosts all of whose addresses are allowed."""

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
    return str(url.raw_host)[:_LONGEST]


def _broken(url: URL, error: Exception) -> LinkError:
    match error:
        case aiohttp.ClientConnectorDNSError():
            # Not which of both: nobody shall learn the names that the cluster knows.
            return LinkError(f"cannot be had: {_host(url)} is not known, or not public")
        case aiohttp.ClientSSLError():
            return LinkError(f"cannot be had: {_host(url)} has no valid certificate")
        case aiohttp.ClientConnectorError():
            return LinkError(f"cannot be had: {_host(url)} cannot be reached")
        case aiohttp.ClientPayloadError() | aiohttp.ClientOSError() | aiohttp.ServerDisconnectedError():
            return _PassingError(f"cannot be had: {_host(url)} broke off")
        case _:
            return LinkError(f"cannot be had: {_host(url)} broke off")
