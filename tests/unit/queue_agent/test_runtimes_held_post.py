"""A request on a connection that is opened early: nothing is sent before `send`, and nothing is lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import pytest

from queue_agent.errors import RuntimeUnavailableError, ShutdownError
from queue_agent.runtimes.http import RuntimeHttp

pytestmark = pytest.mark.asyncio

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
BODY = b'{"prompt": "x"}'


@dataclass
class Listener:
    """A TCP server.

    Attributes:
        port: where it listens.
        received: the bytes of each connection, in order.
        writers: of the connections.
        changed: set whenever one of these changes.
        answers: whether it responds.
    """

    port: int = 0
    received: list[bytes] = field(default_factory=list)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    answers: bool = True

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = len(self.received)
        self.received.append(b"")
        self.writers.append(writer)
        self.changed.set()
        while data := await reader.read(65_536):
            self.received[number] += data
            self.changed.set()
            if self.answers and self.received[number].endswith(BODY):
                writer.write(ANSWER)
        self.changed.set()
        writer.close()

    async def connections(self, count: int) -> None:
        while len(self.received) < count:
            self.changed.clear()
            await self.changed.wait()


@asynccontextmanager
async def listening() -> AsyncIterator[tuple[Listener, RuntimeHttp]]:
    listener = Listener()
    server = await asyncio.start_server(listener.serve, "127.0.0.1", 0)
    listener.port = server.sockets[0].getsockname()[1]
    async with server, aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
        yield listener, RuntimeHttp(session, f"http://127.0.0.1:{listener.port}")


def nothing() -> None:
    pass


async def test_nothing_is_sent_before_send() -> None:
    async with listening() as (listener, http):
        post = http.hold("/a", BODY)
        await listener.connections(1)
        await asyncio.sleep(0.05)
        assert listener.received == [b""]
        reply = await (await post.send(before_post=nothing, on_sent=nothing)).read()
        assert reply.object() == {}
        (sent,) = listener.received
        assert sent.startswith(b"POST /a HTTP/1.1\r\n")
        assert f"Content-Length: {len(BODY)}\r\n".encode() in sent
        assert b"Transfer-Encoding" not in sent
        post.close()


async def test_the_deadline_is_checked_immediately_before_the_send() -> None:
    def too_late() -> None:
        raise ShutdownError("too late")

    async with listening() as (listener, http):
        post = http.hold("/a", BODY)
        await listener.connections(1)
        with pytest.raises(ShutdownError):
            await post.send(before_post=too_late, on_sent=nothing)
        post.close()
        await asyncio.sleep(0.05)
        assert listener.received == [b""]


async def test_the_send_is_reported_before_the_response() -> None:
    async with listening() as (listener, http):
        listener.answers = False
        sent = asyncio.Event()
        post = http.hold("/a", BODY)
        sending = asyncio.create_task(post.send(before_post=nothing, on_sent=sent.set))
        async with asyncio.timeout(5):
            await sent.wait()
        assert not sending.done()
        sending.cancel()


async def test_a_connection_that_was_lost_meanwhile_is_opened_again() -> None:
    async with listening() as (listener, http):
        post = http.hold("/a", BODY)
        await listener.connections(1)
        listener.writers[0].transport.abort()
        await asyncio.sleep(0.05)
        assert (await post.send(before_post=nothing, on_sent=nothing)).status == 200
        assert listener.received[0] == b""
        assert listener.received[1].endswith(BODY)
        post.close()


async def test_fails_when_the_server_no_longer_listens() -> None:
    async with listening() as (listener, _):
        pass
    async with aiohttp.ClientSession() as session:
        post = RuntimeHttp(session, f"http://127.0.0.1:{listener.port}").hold("/a", BODY)
        with pytest.raises(RuntimeUnavailableError, match="is unreachable") as error:
            await post.send(before_post=nothing, on_sent=nothing)
        assert error.value.accepted is False


async def test_fails_when_the_server_closes_the_connection_after_the_request() -> None:
    async with listening() as (listener, http):
        listener.answers = False
        post = http.hold("/a", BODY)
        await listener.connections(1)
        with pytest.raises(RuntimeUnavailableError) as error:
            await post.send(before_post=nothing, on_sent=listener.writers[0].transport.abort)
        assert error.value.accepted is True
        assert len(listener.received) == 1


async def test_a_request_that_is_never_sent_closes_its_connection() -> None:
    async with listening() as (listener, http):
        post = http.hold("/a", BODY)
        await listener.connections(1)
        listener.changed.clear()
        post.close()
        async with asyncio.timeout(5):
            await listener.changed.wait()
        assert listener.received == [b""]
