"""HTTP to the server in the same pod."""

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
"""On loopback a connection is there at once or refused."""
PATIENCE_S: Final = 60.0
"""For an answer while the server may be at work on the next task: loading a model keeps it from all else."""
_NOT_YET: Final = frozenset({502, 503, 504})
_TOO_MANY: Final = 429
_BUSY_S: Final = 5.0
"""Until the next request after a 429 without Retry-After. SD.Next counts each path's requests of the last minute."""
_LONGEST_BUSY_S: Final = 60.0
# The SD Web UI compresses megabytes of base64 for whoever lets it, which takes longer than a short inference.
_HEADERS: Final = {"Accept-Encoding": "identity"}
_JSON_HEADERS: Final = {**_HEADERS, "Content-Type": "application/json"}
OK: Final = 200


class NoAnswerError(RuntimeUnavailableError):
    """The server did not answer in time: it may be dead, or only busy."""

    def __init__(self) -> None:
        super().__init__("the runtime does not answer", accepted=True)


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply of the server.

    Attributes:
        status: HTTP status.
        body: its bytes.
    """

    status: int
    body: bytes

    def json(self) -> Any:  # noqa: ANN401 (any JSON value)
        """The body as JSON; `None` where it is none."""
        return decode_json(self.body)

    def object(self) -> dict[str, Any]:
        """The body as a JSON object; empty where it is none."""
        value = self.json()
        return value if isinstance(value, dict) else {}

    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")


class OpenReply:
    """A reply whose headers are there, and whose body can be read later.

    Attributes:
        status: HTTP status.
    """

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status: int = response.status

    async def read(self) -> Reply:
        """Read the body.

        Raises:
            RuntimeUnavailableError: the server died before all of it was there.
        """
        with _told_as_unavailable():
            async with asyncio.timeout(PATIENCE_S):
                return Reply(self.status, await self._response.read())

    def close(self) -> None:
        """Let the connection go, whether the body has been read or not."""
        self._response.close()


class HeldPost:
    """A request on a connection that is opened ahead: while the GPU waits there is nothing left to do but to send it.

    Args:
        http: the HTTP client.
        url: where it goes.
        body: JSON.
    """

    def __init__(self, http: aiohttp.ClientSession, url: str, body: bytes) -> None:
        self._http = http
        self._url = url
        self._body = body
        self._on_sent: Callable[[], None] | None = None
        self._connect()

    async def send(self, *, before_post: Callable[[], None], on_sent: Callable[[], None]) -> OpenReply:
        """Send it, and wait for the headers of the reply for as long as it takes.

        Args:
            before_post: called last thing before it is sent; raises to keep it from that.
            on_sent: called as soon as it is sent.

        Raises:
            RuntimeUnavailableError: the server is not there, is not up yet, or died meanwhile.
        """
        before_post()
        if self._reply.done():  # the connection was refused, or is lost: nothing was sent on it
            self._connect()
        self._on_sent = on_sent
        self._may_go.set()
        with _told_as_unavailable():
            response = await self._reply
        self._body = b""  # pictures for image-to-image are large
        refusal = _refusal(response)
        if refusal is not None:
            response.close()
            raise refusal
        return OpenReply(response)

    def close(self) -> None:
        """Let the connection go, whatever has become of it."""
        self._reply.cancel()

    def _connect(self) -> None:
        self._may_go = asyncio.Event()
        self._reply = asyncio.ensure_future(self._request())
        # Whoever sends is told; where nobody does, nothing has gone wrong.
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
        http: the HTTP client. It must open a connection for each request: a kept one that the server has closed looks
            like a server that died under the task.
        base_url: where it listens, without a slash at the end.
        reads: the HTTP client of GET requests, where it is another one. It may keep connections: aiohttp sends a GET
            again, on a new one, where the server has closed the kept one meanwhile.
        timeout_s: for what is answered at once.
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
        """Ask for something. Where the server is asked too often, it is asked again, as long as there is time.

        Args:
            path: of the operation.
            parameters: its query.
            timeout_s: for what is not answered at once.

        Raises:
            RuntimeBusyError: the server is asked too often.
            RuntimeUnavailableError: the server does not answer.
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
        """Send JSON.

        Args:
            path: of the operation.
            body: any JSON value.
            timeout_s: for what is not answered at once.

        Raises:
            RuntimeUnavailableError: the server does not answer, is not up yet, or died meanwhile.
        """
        return await self._send(
            self._http, "POST", path, data=encode_json(body), headers=_JSON_HEADERS, timeout_s=timeout_s
        )

    async def post_form(self, path: str, form: aiohttp.FormData, *, timeout_s: float | None = None) -> Reply:
        """Send a form.

        Args:
            path: of the operation.
            form: its fields.
            timeout_s: for what is not answered at once.

        Raises:
            RuntimeUnavailableError: the server does not answer, is not up yet, or died meanwhile.
        """
        return await self._send(self._http, "POST", path, data=form, headers=_HEADERS, timeout_s=timeout_s)

    def hold(self, path: str, body: bytes) -> "HeldPost":
        """Connect for a request that is to be sent later.

        Args:
            path: of the operation.
            body: JSON.
        """
        return HeldPost(self._http, f"{self._base_url}{path}", body)

    async def websocket(self, path: str) -> aiohttp.ClientWebSocketResponse:
        """Open a websocket.

        Raises:
            RuntimeUnavailableError: the server does not take it.
        """
        try:
            # It pings nobody: on loopback a dead server shows at once, and a busy one does not answer pings.
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
        with _told_as_unavailable():
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
    """Say whether what fails in here counts as an attempt: whether the server had taken the task."""
    try:
        yield
    except RuntimeBusyError:
        raise
    except RuntimeUnavailableError as error:
        if error.accepted == counts:
            raise
        raise RuntimeUnavailableError(str(error), accepted=counts) from error


def _refusal(response: aiohttp.ClientResponse) -> RuntimeUnavailableError | None:
    """What an answer says of the server alone, not of the request."""
    if response.status == _TOO_MANY:
        said = response.headers.get("Retry-After", "")  # seconds, or a date, which no server of ours sends
        retry_after_s = min(float(said), _LONGEST_BUSY_S) if said.isascii() and said.isdigit() else _BUSY_S
        return RuntimeBusyError(retry_after_s=retry_after_s)
    if response.status in _NOT_YET:
        return RuntimeUnavailableError(f"the runtime answers {response.status}", accepted=False)
    return None


@contextmanager
def _told_as_unavailable() -> Iterator[None]:
    try:
        yield
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        raise RuntimeUnavailableError(f"the runtime cannot be reached: {error}", accepted=False) from error
    except TimeoutError as error:
        raise NoAnswerError from error
    except (aiohttp.ClientError, OSError) as error:
        raise RuntimeUnavailableError(f"the runtime died or hung up: {type(error).__name__}", accepted=True) from error
