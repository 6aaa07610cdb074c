"""HTTP to the server in the same pod."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
import orjson

from queue_agent.errors import RuntimeUnavailableError

_QUICK_S: Final = 5.0
_NOT_YET: Final = frozenset({502, 503, 504})
OK: Final = 200


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
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return None

    def object(self) -> dict[str, Any]:
        """The body as a JSON object; empty where it is none."""
        value = self.json()
        return value if isinstance(value, dict) else {}


class RuntimeHttp:
    """A client for the server.

    Args:
        http: the HTTP client.
        base_url: where it listens, without a slash at the end.
    """

    def __init__(self, http: aiohttp.ClientSession, base_url: str) -> None:
        self._http = http
        self.base_url = base_url

    @property
    def session(self) -> aiohttp.ClientSession:
        """The HTTP client itself, for websockets."""
        return self._http

    async def get(self, path: str, *, parameters: Mapping[str, str] | None = None) -> Reply:
        """Ask for something that is there at once.

        Raises:
            RuntimeUnavailableError: the server does not answer.
        """
        return await self._send("GET", path, parameters=parameters, timeout_s=_QUICK_S)

    async def post(self, path: str, body: object, *, timeout_s: float | None = _QUICK_S) -> Reply:
        """Send JSON.

        Args:
            path: of the operation.
            body: any JSON value.
            timeout_s: `None` where the caller watches the time.

        Raises:
            RuntimeUnavailableError: the server does not answer, is not up yet, or died meanwhile.
        """
        return await self._send("POST", path, data=orjson.dumps(body), timeout_s=timeout_s)

    async def _send(
        self,
        method: str,
        path: str,
        *,
        parameters: Mapping[str, str] | None = None,
        data: bytes | None = None,
        timeout_s: float | None,
    ) -> Reply:
        try:
            async with self._http.request(
                method,
                f"{self.base_url}{path}",
                params=parameters,
                data=data,
                headers={"Content-Type": "application/json"} if data is not None else None,
                timeout=aiohttp.ClientTimeout(total=timeout_s, sock_connect=_QUICK_S),
            ) as response:
                reply = Reply(response.status, await response.read())
        except aiohttp.ClientConnectorError as error:
            raise RuntimeUnavailableError(f"the runtime cannot be reached: {error}", accepted=False) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise RuntimeUnavailableError(
                f"the runtime died or hung up: {type(error).__name__}", accepted=True
            ) from error
        if reply.status in _NOT_YET:
            raise RuntimeUnavailableError(f"the runtime answers {reply.status}", accepted=False)
        return reply
