"""Connections to the server: GET requests share them, and a closed one fails no request."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from queue_agent.errors import RuntimeUnavailableError
from queue_agent.runtimes.http import RuntimeHttp

pytestmark = pytest.mark.asyncio

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Listener:
    """A server over real TCP.

    Attributes:
        requests: number of requests of each connection.
        answered: number of answered requests per connection; the next one closes it.
    """

    def __init__(self) -> None:
        self.requests: list[int] = []
        self.answered = 100

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = len(self.requests)
        self.requests.append(0)
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                self.requests[number] += 1
                if self.requests[number] > self.answered:
                    break
                writer.write(ANSWER)
        except asyncio.IncompleteReadError:
            pass
        writer.close()


@asynccontextmanager
async def listening() -> AsyncIterator[tuple[Listener, RuntimeHttp]]:
    listener = Listener()
    server = await asyncio.start_server(listener.serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with (
        server,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session,
        aiohttp.ClientSession() as reads,
    ):
        yield listener, RuntimeHttp(session, url, reads=reads)


async def test_get_requests_share_a_connection() -> None:
    async with listening() as (listener, http):
        for _ in range(3):
            await http.get("/history/1")
        assert listener.requests == [3]


async def test_each_post_has_a_connection_of_its_own() -> None:
    async with listening() as (listener, http):
        await http.get("/queue")
        for _ in range(2):
            await http.post("/queue", {})
        assert listener.requests == [1, 1, 1]


async def test_a_kept_connection_that_the_server_closes_at_the_next_request_fails_no_get() -> None:
    async with listening() as (listener, http):
        listener.answered = 1
        for _ in range(3):
            assert (await http.get("/queue")).object() == {}
        assert listener.requests == [2, 2, 1]


async def test_a_server_that_hangs_up_on_a_new_connection_too_is_unavailable() -> None:
    async with listening() as (listener, http):
        listener.answered = 0
        with pytest.raises(RuntimeUnavailableError, match="failed or closed the connection"):
            await http.get("/queue")
