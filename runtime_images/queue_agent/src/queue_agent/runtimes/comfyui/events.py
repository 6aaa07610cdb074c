"""Events that the server sends over its websocket."""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

import aiohttp

from queue_agent.errors import RuntimeUnavailableError
from queue_agent.json_codec import decode_json
from queue_agent.runtimes.http import RuntimeHttp

_RECONNECT_INTERVAL_S: Final = 0.25
_CLOSED: Final = frozenset(
    {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR}
)


@dataclass(frozen=True, slots=True)
class Event:
    """An event.

    Attributes:
        kind: such as `executing`; empty for a binary frame.
        data: payload of the event.
        frame: content of a binary frame.
    """

    kind: str
    data: dict[str, Any]
    frame: bytes = b""


class Events:
    """Receives the events of one client id. A second websocket with the same id would stop the events of the first one.

    Args:
        http: HTTP client of the server.
        client_id: a unique id.

    Attributes:
        missed: whether events may have been missed. The caller resets it after it has polled the server.
        losses: number of lost connections.
    """

    def __init__(self, http: RuntimeHttp, client_id: str) -> None:
        self._http = http
        self._path = f"/ws?clientId={client_id}"
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self.missed = False
        self.losses = 0

    @property
    def is_open(self) -> bool:
        """Whether the websocket is connected."""
        return self._socket is not None

    async def open(self) -> None:
        """Connect.

        Raises:
            RuntimeUnavailableError: the connection failed.
        """
        self._socket = await self._http.websocket(self._path)

    async def next(self) -> Event:
        """Wait for the next event. A lost connection is opened again with the same client id."""
        while True:
            if self._socket is None:
                await self._reconnect()
                continue
            frame = await self._socket.receive()
            if frame.type in _CLOSED:
                self.losses += 1
                await self.close()
                continue
            return _event(frame)

    async def close(self) -> None:
        """Close the websocket."""
        socket, self._socket = self._socket, None
        self.missed = True
        if socket is not None:
            await socket.close()

    async def _reconnect(self) -> None:
        try:
            await self.open()
        except RuntimeUnavailableError:
            # The poll of the server detects whether it has failed.
            await asyncio.sleep(_RECONNECT_INTERVAL_S)


def _event(frame: aiohttp.WSMessage) -> Event:
    """Convert a frame. A frame that is neither binary nor a JSON object becomes an empty event."""
    if frame.type is aiohttp.WSMsgType.BINARY:
        return Event("", {}, frame.data)
    value = decode_json(frame.data) if frame.type is aiohttp.WSMsgType.TEXT else None
    if not isinstance(value, dict):
        return Event("", {})
    data = value.get("data")
    return Event(str(value.get("type")), data if isinstance(data, dict) else {})
