"""https:// links, over real TLS, with configurable DNS."""

import asyncio
import re
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from queue_agent.inputs.https_links import HttpsLinks
from queue_agent.inputs.limits import Budget, InputLimits, LinkError
from queue_agent.inputs.sinks import MemorySink
from queue_agent.runtimes.media import SNIFFED_BYTES
from task_record.inputs.public_hosts import is_public
from task_record.inputs.sizes import INPUT_MAX_BYTES, InputSizes
from tests.fakes.web import Handler, Web, serve

pytestmark = pytest.mark.asyncio
PNG = b"\x89PNG\r\n\x1a\n" + b"image   " * 4
FRIEND = "friend.example.com"


def is_public_or_the_test_server(address: IPv4Address | IPv6Address) -> bool:
    return address == IPv4Address("127.0.0.1") or is_public(address)


async def fetch(
    there: Web,
    link: str,
    *,
    is_allowed: Callable[[Any], bool] = is_public_or_the_test_server,
    max_bytes: int = INPUT_MAX_BYTES,
    **limits: Any,
) -> bytes:
    known = InputLimits(**{"timeout_s": 5.0, "sizes": InputSizes(max_bytes), **limits})
    links = HttpsLinks(known, is_allowed=is_allowed, resolver=there.names, tls=there.tls)
    sink = MemorySink(Budget(known), ("image",))
    await links.fetch(link, sink)
    await sink.end()
    return sink.data()


async def image(_request: web.Request) -> web.Response:
    return web.Response(body=PNG)


def redirecting_to(location: str, status: int = 302) -> Handler:
    async def redirect(request: web.Request) -> web.Response:
        if request.path == "/there":
            return web.Response(body=PNG)
        return web.Response(status=status, headers={"Location": location, "Set-Cookie": "who=me"})

    return redirect


async def test_an_image_on_a_public_host_is_fetched(tmp_path: Path) -> None:
    async with serve(tmp_path, image) as there:
        assert await fetch(there, there.link("/a.png")) == PNG


async def test_a_presigned_link_is_not_changed(tmp_path: Path) -> None:
    async with serve(tmp_path, image) as there:
        await fetch(there, there.link("/a%2Fb.png?X-Amz-Credential=AK%2F20&X-Amz-Signature=ab%7E"))
        (request,) = there.requests
        assert request.raw_path == "/a%2Fb.png?X-Amz-Credential=AK%2F20&X-Amz-Signature=ab%7E"


async def test_a_link_with_unsafe_characters_is_quoted(tmp_path: Path) -> None:
    async with serve(tmp_path, image) as there:
        await fetch(there, there.link("/ä image.png"))
        assert there.requests[0].raw_path == "/%C3%A4%20image.png"


@pytest.mark.parametrize(
    "link",
    [
        "http://images.example.com/",
        "file:///etc/passwd",
        "ftp://images.example.com/",
        "gopher://127.0.0.1:6379/_FLUSHALL",
        "https://",
        "https:///etc/passwd",
        "https://user:password@images.example.com/",
        "https://images.example.com@169.254.169.254/",
        "https://images.example.com\\@169.254.169.254/",
        "https://127.0.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://169.254.170.23/v1/credentials",
        "https://10.100.0.1/",
        "https://0.0.0.0/",
        "https://0/",
        "https://2130706433/",
        "https://2852039166/",
        "https://0x7f000001/",
        "https://0x7f.0.0.1/",
        "https://0177.0.0.1/",
        "https://017700000001/",
        "https://127.1/",
        "https://127.0.0.1./",
        "https://127.0.0.0x1/",
        "https://0251.0376.0251.0376/",
        "https://\uff11\uff12\uff17.0.0.1/",
        "https://[::1]/",
        "https://[::]/",
        "https://[::ffff:169.254.169.254]/",
        "https://[::ffff:a9fe:a9fe]/",
        "https://[64:ff9b::a9fe:a9fe]/",
        "https://[2002:a9fe:a9fe::]/",
        "https://[fd00:ec2::254]/",
        "https://[fe80::1%25eth0]/",
        "https://[::1",
        "https://a:99999/",
    ],
)
async def test_fails_when_a_link_leads_anywhere_but_to_a_public_host(tmp_path: Path, link: str) -> None:
    async with serve(tmp_path, image) as there:
        with pytest.raises(LinkError, match="^must be|^must not contain"):
            await fetch(there, link, is_allowed=is_public)
        assert there.names.asked == []


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "fd00:ec2::23", "::ffff:10.0.0.1", "0.0.0.1"]
)
async def test_fails_when_a_name_leads_to_an_address_that_is_not_public(tmp_path: Path, address: str) -> None:
    async with serve(tmp_path, image) as there:
        there.names.addresses[FRIEND] = [[address]]
        with pytest.raises(LinkError, match="friend.example.com is unknown, or not a public host"):
            await fetch(there, there.link(host=FRIEND), is_allowed=is_public)
        assert there.requests == []


async def test_fails_when_one_of_a_names_addresses_is_not_public(tmp_path: Path) -> None:
    async with serve(tmp_path, image) as there:
        there.names.addresses[FRIEND] = [["127.0.0.1", "10.0.0.1"]]
        with pytest.raises(LinkError, match="not a public host"):
            await fetch(there, there.link(host=FRIEND))
        assert there.requests == []


async def test_a_name_that_leads_elsewhere_a_moment_later_is_not_looked_up_again(tmp_path: Path) -> None:
    async with serve(tmp_path, image) as there:
        there.names.addresses["images.example.com"] = [["127.0.0.1"], ["169.254.169.254"]]
        assert await fetch(there, there.link()) == PNG
        assert there.names.asked == ["images.example.com"]


async def test_fails_when_a_name_leads_elsewhere_after_a_redirect(tmp_path: Path) -> None:
    async with serve(tmp_path, redirecting_to("/there")) as there:
        there.names.addresses["images.example.com"] = [["127.0.0.1"], ["169.254.169.254"]]
        with pytest.raises(LinkError, match="not a public host"):
            await fetch(there, there.link())
        assert len(there.requests) == 1


async def test_no_connection_is_made_to_an_unchecked_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queue_agent.inputs.https_links.is_allowed_host", lambda _host, _is_allowed: True)
    async with serve(tmp_path, image) as there:
        with pytest.raises(LinkError, match="127.0.0.1 is unreachable"):
            await fetch(there, there.link(host="127.0.0.1"), is_allowed=is_public)
        assert there.requests == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_followed(tmp_path: Path, status: int) -> None:
    async with serve(tmp_path, redirecting_to("/there", status)) as there:
        assert await fetch(there, there.link()) == PNG


@pytest.mark.parametrize("host", ["images.example.com", "other.example.com"])
async def test_a_redirect_forwards_no_headers(tmp_path: Path, host: str) -> None:
    async def elsewhere(request: web.Request) -> web.StreamResponse:
        return await redirecting_to(f"https://{host}:{request.url.port}/there")(request)

    async with serve(tmp_path, elsewhere) as there:
        await fetch(there, there.link("/?token=secret"))
        last = there.requests[-1]
        assert last.host.startswith(host)
        assert not {"Cookie", "Authorization", "Referer"} & set(last.headers)


@pytest.mark.parametrize(
    ("location", "says"),
    [
        ("http://images.example.com/there", "must be an https:// link, got http://"),
        ("file:///etc/passwd", "must be an https:// link, got file://"),
        ("https://169.254.169.254/latest/meta-data/iam/", "must be on a public host"),
        ("//169.254.169.254/latest/", "must be on a public host"),
        ("https://2852039166/", "must be on a public host"),
        ("https://[::ffff:169.254.169.254]/", "must be on a public host"),
        ("https://friend.example.com/", "not a public host"),
        ("https://me:secret@images.example.com/", "must not contain a user name"),
        ("/", "more than 5 redirects"),
    ],
)
async def test_fails_when_a_redirect_leads_where_a_link_may_not(tmp_path: Path, location: str, says: str) -> None:
    async with serve(tmp_path, redirecting_to(location)) as there:
        there.names.addresses[FRIEND] = [["10.0.0.1"]]
        with pytest.raises(LinkError, match=re.escape(says)):
            await fetch(there, there.link())


async def test_fails_when_the_host_has_no_valid_certificate(tmp_path: Path) -> None:
    async with serve(tmp_path, image) as there:
        there.names.addresses["images.example.org"] = [["127.0.0.1"]]
        with pytest.raises(LinkError, match="images.example.org has no valid certificate"):
            await fetch(there, there.link(host="images.example.org"))
        assert there.requests == []


@pytest.mark.parametrize("status", [404, 403, 401])
async def test_fails_when_the_link_is_not_found_without_its_query_in_the_message(tmp_path: Path, status: int) -> None:
    async def nothing(_request: web.Request) -> web.Response:
        return web.Response(status=status)

    async with serve(tmp_path, nothing) as there:
        with pytest.raises(LinkError) as error:
            await fetch(there, there.link("/a?X-Amz-Signature=secret"))
    assert str(error.value) == f"cannot be fetched: images.example.com responded with {status}"


async def test_a_host_that_is_busy_for_a_moment_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queue_agent.inputs.https_links._PAUSES_S", (0.0, 0.0))

    async def busy(_request: web.Request) -> web.Response:
        return web.Response(status=503) if len(there.requests) < 3 else web.Response(body=PNG)

    async with serve(tmp_path, busy) as there:
        assert await fetch(there, there.link()) == PNG


async def test_fails_when_a_host_stays_busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queue_agent.inputs.https_links._PAUSES_S", (0.0, 0.0))

    async def busy(_request: web.Request) -> web.Response:
        return web.Response(status=503)

    async with serve(tmp_path, busy) as there:
        with pytest.raises(LinkError, match="responded with 503"):
            await fetch(there, there.link())
        assert len(there.requests) == 3


async def test_fails_when_the_length_says_that_it_is_too_large(tmp_path: Path) -> None:
    async def huge(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(300 * 2**20)})
        await response.prepare(request)
        await response.write(PNG)
        return response

    async with serve(tmp_path, huge) as there:
        with pytest.raises(LinkError, match="must be at most 20971520 bytes"):
            await fetch(there, there.link())


async def test_fails_when_a_stream_without_a_length_is_too_large_and_reads_no_further(tmp_path: Path) -> None:
    sent = 0

    async def stream(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(300):
            await response.write(PNG.ljust(2**20))
            sent += 1
            # Time to detect the closed connection. Until then writes succeed without an effect.
            await asyncio.sleep(0.01)
        return response

    async with serve(tmp_path, stream) as there:
        with pytest.raises(LinkError, match="must be at most 1048576 bytes"):
            await fetch(there, there.link(), max_bytes=2**20)
    assert sent < 100


async def test_fails_when_the_inputs_of_a_task_are_too_large_together(tmp_path: Path) -> None:
    limits = InputLimits(sizes=InputSizes(max_total_bytes=len(PNG) + 1))
    budget = Budget(limits)
    async with serve(tmp_path, image) as there:
        links = HttpsLinks(limits, is_allowed=is_public_or_the_test_server, resolver=there.names, tls=there.tls)
        await links.fetch(there.link(), MemorySink(budget, ("image",)))
        with pytest.raises(LinkError, match="is too large: all inputs together must be at most"):
            await links.fetch(there.link(), MemorySink(budget, ("image",)))


@pytest.mark.parametrize("first", [PNG, b""])
async def test_fails_when_a_stream_never_ends(tmp_path: Path, first: bytes) -> None:
    async def trickle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(first or b"\x89")
        await asyncio.Event().wait()
        return response

    async with serve(tmp_path, trickle) as there:
        with pytest.raises(LinkError, match="images.example.com timed out"):
            await fetch(there, there.link(), timeout_s=0.3)


async def test_fails_when_a_host_never_answers(tmp_path: Path) -> None:
    async def silence(_request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    async with serve(tmp_path, silence) as there:
        with pytest.raises(LinkError, match="timed out"):
            await fetch(there, there.link(), timeout_s=0.3)


async def test_a_stream_is_refused_by_its_first_bytes(tmp_path: Path) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"<html><body>secret".ljust(SNIFFED_BYTES))
        await asyncio.Event().wait()
        return response

    async with serve(tmp_path, endless) as there:
        with pytest.raises(LinkError, match="^must be an image$"):
            await fetch(there, there.link())


async def test_an_interrupted_fetch_starts_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queue_agent.inputs.https_links._PAUSES_S", (0.0, 0.0))
    whole = PNG * 1000

    async def half(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(len(whole))})
        await response.prepare(request)
        if len(there.requests) == 3:
            await response.write(whole)
            return response
        await response.write(whole[: len(there.requests) * 10_000])
        assert request.transport is not None
        # With or without an error: both happen.
        request.transport.close() if len(there.requests) == 1 else request.transport.abort()
        return response

    async with serve(tmp_path, half) as there:
        limits = InputLimits(sizes=InputSizes(max_total_bytes=len(whole)))
        sink = MemorySink(Budget(limits), ("image",))
        links = HttpsLinks(limits, is_allowed=is_public_or_the_test_server, resolver=there.names, tls=there.tls)
        await links.fetch(there.link(), sink)
    assert sink.data() == whole


async def test_fails_when_the_connection_is_always_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queue_agent.inputs.https_links._PAUSES_S", (0.0, 0.0))

    async def half(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(PNG)
        assert request.transport is not None
        request.transport.abort()
        return response

    async with serve(tmp_path, half) as there:
        with pytest.raises(LinkError, match="images.example.com closed the connection"):
            await fetch(there, there.link())
        assert len(there.requests) == 3


@pytest.mark.parametrize(
    ("headers", "body", "says"),
    [
        ({}, b"", "^must not be empty$"),
        ({"Content-Type": "image/png"}, b"<!DOCTYPE html><html>not found</html>", "^must be an image$"),
        ({"Content-Encoding": "gzip"}, b"\x1f\x8b\x08" + bytes(60), "^must have no Content-Encoding, got gzip$"),
        ({"Content-Type": "image/png"}, b"\x1f\x8b\x08" + bytes(60), "^must be an image$"),
        ({}, PNG[:4], "^must be an image$"),
    ],
    ids=["empty", "a page", "compressed on its way", "compressed", "cut off"],
)
async def test_fails_when_what_a_link_leads_to_is_no_image(
    tmp_path: Path, headers: dict[str, str], body: bytes, says: str
) -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=body, headers=headers)

    async with serve(tmp_path, answer) as there:
        with pytest.raises(LinkError, match=says):
            await fetch(there, there.link("/a.png?w=100&h=100#top"))


async def test_no_proxy_of_the_environment_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with serve(tmp_path, image) as there:
        assert await fetch(there, there.link()) == PNG


async def test_nothing_is_kept_between_two_links(tmp_path: Path) -> None:
    clients: list[object] = []

    async def who(request: web.Request) -> web.Response:
        assert request.transport is not None
        clients.append(request.transport.get_extra_info("peername"))
        return web.Response(body=PNG + str(request.headers.get("Cookie")).encode(), headers={"Set-Cookie": "who=me"})

    async with serve(tmp_path, who) as there:
        assert [await fetch(there, there.link()) for _ in range(2)] == [PNG + b"None"] * 2
    assert clients[0] != clients[1]


async def test_names_of_the_system_resolver_are_checked_too(tmp_path: Path) -> None:
    async with serve(tmp_path, image) as there:
        limits = InputLimits()
        with pytest.raises(LinkError, match="localhost is unknown, or not a public host"):
            await HttpsLinks(limits, tls=there.tls).fetch(
                there.link(host="localhost"), MemorySink(Budget(limits), ("image",))
            )
        assert there.requests == []
