"""HTTP client of the server in the same pod."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import aiohttp

from queue_agent import clock
from queue_agent.errors import RuntimeBusyError, RuntimeUnavailableError
from queue_agent.json_codec import decode_json, encode_json

_CONNECT_S: Final = 1.0
"""On loopback a connection is established or refused at once."""
PATIENCE_S: Final = 60.0
"""Timeout while the server may run the next task: it does not respond while it loads a model."""
_NOT_YET: Final = frozenset({502, 503, 504})
_TOO_MANY: Final = 429
_BUSY_S: Final = 5.0
"""Used after a 429 without Retry-After. SD.Next limits the requests per path and minute."""
_MAX_BUSY_S: Final = 60.0
# Without this, the SD Web UI compresses megabytes of base64, which takes longer than a short inference.
_HEADERS: Final = {"Accept-Encoding": "identity"}
_JSON_HEADERS: Final = {**_HEADERS, "Content-Type": "application/json"}
OK: Final = 200


class NoAnswerError(RuntimeUnavailableError):
    """The server did not respond in time: it may have failed, or be busy."""

    def __init__(self) -> None:
        super().__init__("the runtime did not respond in time", accepted=True)


@dataclass(frozen=True, slots=True)
class Reply:
    """A response of the server."""

    status: int
    body: bytes

    def json(self) -> Any:  # noqa: ANN401 (any JSON value)
        """The body as JSON; `None` if it is not valid JSON."""
        return decode_json(self.body)

    def object(self) -> dict[str, Any]:
        """The body as a JSON object; empty if it is not an object."""
        value = self.json()
        return value if isinstance(value, dict) else {}

    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")


class OpenReply:
    """A response with headers, whose body can be read later.

    Attributes:
        status: HTTP status.
    """

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status: int = response.status

    async def read(self) -> Reply:
        """Read the body.

        Raises:
            RuntimeUnavailableError: the server failed before the body was complete.
        """
        with _reported_as_unavailable():
            async with asyncio.timeout(PATIENCE_S):
                return Reply(self.status, await self._response.read())

    def close(self) -> None:
        """Close the connection, whether the body has been read or not."""
        self._response.close()


class HeldPost:
    """A prepared request on an open connection: when the GPU is free, only the send remains."""

    def __init__(self, http: aiohttp.ClientSession, url: str, body: bytes) -> None:
        self._http = http
        self._url = url
        self._body = body
        self._on_sent: Callable[[], None] | None = None
        self._connect()

    async def send(self, *, before_post: Callable[[], None], on_sent: Callable[[], None]) -> OpenReply:
        """Send the request, and wait for the headers of the response without a timeout.

        Args:
            before_post: called immediately before the send; raises to prevent it.
            on_sent: called after the send.

        Raises:
            RuntimeUnavailableError: the server is unavailable, is starting, or failed meanwhile.
        """
        before_post()
        if self._reply.done():  # the connection was refused or lost: nothing was sent
            self._connect()
        self._on_sent = on_sent
        self._may_go.set()
        with _reported_as_unavailable():
            response = await self._reply
        self._body = b""  # images for image-to-image are large
        refusal = _refusal(response)
        if refusal is not None:
            response.close()
            raise refusal
        return OpenReply(response)

    def close(self) -> None:
        """Close the connection."""
        self._reply.cancel()

    def _connect(self) -> None:
        self._may_go = asyncio.Event()
        self._reply = asyncio.ensure_future(self._request())
        # `send` raises the error. Without a send, the error is ignored.
        self._reply.add_done_callback(lambda reply: reply.cancelled() or reply.exception())

    async def _request(self) -> aiohttp.ClientResponse:
        headers = {**_JSON_HEADERS, "Content-Length": str(len(self._body))}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S)
        return await self._http.post(self._url, data=self._when_sent(), headers=headers, timeout=timeout)

    async def _when_sent(self) -> AsyncIterator[bytes]:
        await self._may_go.wait()
        yield self._body
        if self._on_sent is not None:
            self._on_sent()


class RuntimeHttp:
    """A client for the server.

    Args:
        http: the HTTP client. It must open a connection for each request: a request on a keep-alive connection that the
            server has closed fails in the same way as a failed server.
        base_url: base URL of the server, without a trailing slash.
        reads: the HTTP client of GET requests, if it is another one. It may use keep-alive: aiohttp retries a GET on a
            new connection if the server has closed the old one.
        timeout_s: default timeout of a request.
    """

    def __init__(
        self,
        http: aiohttp.ClientSession,
        base_url: str,
        *,
        reads: aiohttp.ClientSession | None = None,
        timeout_s: float = 5.0,
    ) -> None:
        self._http = http
        self._reads = reads or http
        self._base_url = base_url
        self._timeout_s = timeout_s

    async def get(
        self, path: str, *, parameters: Mapping[str, str] | None = None, timeout_s: float | None = None
    ) -> Reply:
        """Send a GET request. After a 429 it is retried until the timeout.

        Args:
            path: path of the operation.
            parameters: the query.
            timeout_s: replaces the default timeout.

        Raises:
            RuntimeBusyError: the server responded with 429.
            RuntimeUnavailableError: the server did not respond.
        """
        until = clock.monotonic_s() + (timeout_s or self._timeout_s)
        while True:
            try:
                return await self._send(
                    self._reads, "GET", path, params=parameters, headers=_HEADERS, timeout_s=timeout_s
                )
            except RuntimeBusyError as error:
                if clock.monotonic_s() + error.retry_after_s >= until:
                    raise
                await asyncio.sleep(error.retry_after_s)

    async def post(self, path: str, body: object, *, timeout_s: float | None = None) -> Reply:
        """Send a POST request with JSON.

        Args:
            path: path of the operation.
            body: any JSON value.
            timeout_s: replaces the default timeout.

        Raises:
            RuntimeUnavailableError: the server did not respond, is starting, or failed meanwhile.
        """
        return await self._send(
            self._http, "POST", path, data=encode_json(body), headers=_JSON_HEADERS, timeout_s=timeout_s
        )

    async def post_form(self, path: str, form: aiohttp.FormData, *, timeout_s: float | None = None) -> Reply:
        """Send a POST request with a form.

        Args:
            path: path of the operation.
            form: the fields.
            timeout_s: replaces the default timeout.

        Raises:
            RuntimeUnavailableError: the server did not respond, is starting, or failed meanwhile.
        """
        return await self._send(self._http, "POST", path, data=form, headers=_HEADERS, timeout_s=timeout_s)

    def hold(self, path: str, body: bytes) -> "HeldPost":
        """Open a connection for a request that is sent later.

        Args:
            path: path of the operation.
            body: JSON.
        """
        return HeldPost(self._http, f"{self._base_url}{path}", body)

    async def websocket(self, path: str) -> aiohttp.ClientWebSocketResponse:
        """Open a websocket.

        Raises:
            RuntimeUnavailableError: the connection failed.
        """
        try:
            # Without pings: on loopback a failed server closes the connection, and a busy one does not answer pings.
            async with asyncio.timeout(PATIENCE_S):
                return await self._http.ws_connect(
                    f"{self._base_url}{path}",
                    headers=_HEADERS,
                    max_msg_size=0,
                    timeout=aiohttp.ClientWSTimeout(ws_close=_CONNECT_S),
                )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise RuntimeUnavailableError(f"the websocket cannot be opened: {error}", accepted=False) from error

    async def _send(
        self,
        http: aiohttp.ClientSession,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        params: Mapping[str, str] | None = None,
        data: bytes | aiohttp.FormData | None = None,
        timeout_s: float | None = None,
    ) -> Reply:
        timeout = aiohttp.ClientTimeout(total=timeout_s or self._timeout_s, sock_connect=_CONNECT_S)
        url = f"{self._base_url}{path}"
        with _reported_as_unavailable():
            async with http.request(
                method, url, params=params, data=data, headers=headers, timeout=timeout
            ) as response:
                reply = Reply(response.status, await response.read())
        refusal = _refusal(response)
        if refusal is not None:
            raise refusal
        return reply


@contextmanager
def attempt(*, counts: bool) -> Iterator[None]:
    """Set whether a failure in this context counts as an attempt, which it does if the server has accepted the task."""
    try:
        yield
    except RuntimeBusyError:
        raise
    except RuntimeUnavailableError as error:
        if error.accepted == counts:
            raise
        raise RuntimeUnavailableError(str(error), accepted=counts) from error


def _refusal(response: aiohttp.ClientResponse) -> RuntimeUnavailableError | None:
    """The error for a status that concerns the server and not the request."""
    if response.status == _TOO_MANY:
        said = response.headers.get("Retry-After", "")  # in seconds; the supported servers send no date
        retry_after_s = min(float(said), _MAX_BUSY_S) if said.isascii() and said.isdigit() else _BUSY_S
        return RuntimeBusyError(retry_after_s=retry_after_s)
    if response.status in _NOT_YET:
        return RuntimeUnavailableError(f"the runtime responded with {response.status}", accepted=False)
    return None


@contextmanager
def _reported_as_unavailable() -> Iterator[None]:
    try:
        yield
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        raise RuntimeUnavailableError(f"the runtime is unreachable: {error}", accepted=False) from error
    except TimeoutError as error:
        raise NoAnswerError from error
    except (aiohttp.ClientError, OSError) as error:
        raise RuntimeUnavailableError(
            f"the runtime failed or closed the connection: {type(error).__name__}", accepted=True
        ) from error
