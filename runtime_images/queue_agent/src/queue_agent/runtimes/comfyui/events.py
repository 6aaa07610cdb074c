"""What the server says while it works, by a websocket."""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

import aiohttp

from queue_agent.errors import RuntimeUnavailableError
from queue_agent.json_codec import decode_json
from queue_agent.runtimes.http import RuntimeHttp

_OPEN_AGAIN_EVERY_S: Final = 0.25
_GONE: Final = frozenset(
    {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR}
)


@dataclass(frozen=True, slots=True)
class Event:
    """An event.

    Attributes:
        kind: such as `executing`; empty for a binary frame.
        data: what it says.
        frame: bytes of a binary frame.
    """

    kind: str
    data: dict[str, Any]
    frame: bytes = b""


class Events:
    """Events for one client id. A second websocket of the same id would silently starve the first.

    Args:
        http: HTTP to the server.
        client_id: nobody else's.

    Attributes:
        missed: whether some may have been missed: to be unset by the one who has asked the server instead.
        losses: how many websockets were lost.
    """

    def __init__(self, http: RuntimeHttp, client_id: str) -> None:
        self._http = http
        self._path = f"/ws?clientId={client_id}"
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self.missed = False
        self.losses = 0

    @property
    def is_open(self) -> bool:
        """Whether there is a websocket."""
        return self._socket is not None

    async def open(self) -> None:
        """Begin to listen.

        Raises:
            RuntimeUnavailableError: the server does not let us.
        """
        self._socket = await self._http.websocket(self._path)

    async def next(self) -> Event:
        """Wait for the next event. A websocket that is gone is opened again, under the same name."""
        while True:
            if self._socket is None:
                await self._open_again()
                continue
            frame = await self._socket.receive()
            if frame.type in _GONE:
                self.losses += 1
                await self.close()
                continue
            return _event(frame)

    async def close(self) -> None:
        """Stop listening."""
        socket, self._socket = self._socket, None
        self.missed = True
        if socket is not None:
            await socket.close()

    async def _open_again(self) -> None:
        try:
            await self.open()
        except RuntimeUnavailableError:
            # Whoever asks the server hears whether it lives.
            await asyncio.sleep(_OPEN_AGAIN_EVERY_S)


def _event(frame: aiohttp.WSMessage) -> Event:
    """Frames that are neither binary nor JSON objects become events that nobody waits for."""
    if frame.type is aiohttp.WSMsgType.BINARY:
        return Event("", {}, frame.data)
    value = decode_json(frame.data) if frame.type is aiohttp.WSMsgType.TEXT else None
    if not isinstance(value, dict):
        return Event("", {})
    data = value.get("data")
    return Event(str(value.get("type")), data if isinstance(data, dict) else {})
