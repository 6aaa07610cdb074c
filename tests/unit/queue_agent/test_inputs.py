"""The inputs of tasks: links and base64."""

import asyncio
import base64
import errno
import io
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from queue_agent.aws_client import ObjectStream
from queue_agent.errors import AwsError, AwsUnreachableError, BadTaskError, TaskFailedError
from queue_agent.inputs.https_links import HttpsLinks
from queue_agent.inputs.inputs import Inputs
from queue_agent.inputs.limits import Budget, InputLimits
from queue_agent.inputs.s3_links import S3Links
from queue_agent.inputs.sinks import DiskSink
from task_record.inputs.sizes import INPUT_MAX_BYTES, INPUTS_MAX_BYTES, InputSizes
from tests.fakes.web import Web, serve

pytestmark = pytest.mark.asyncio
PNG = b"\x89PNG\r\n\x1a\n" + b"image   " * 4
_CHUNK_BYTES = 1000
MP4 = b"\0\0\0\x18ftypmp42" + b"video   " * 4
ENCODED = base64.b64encode(PNG).decode()


@dataclass
class Bucket:
    """Objects in S3 by `bucket/key`, and the received calls."""

    objects: dict[str, bytes | AwsError] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    breaks: list[AwsError] = field(default_factory=list)
    """Errors that interrupt the next objects after their first chunk."""

    @asynccontextmanager
    async def stream(self, bucket: str, key: str, *, timeout_s: float) -> AsyncIterator[ObjectStream]:
        self.calls.append(f"{bucket}/{key}")
        found = self.objects.get(f"{bucket}/{key}", AwsError("NoSuchKey", "no", status=404))
        if isinstance(found, AwsError):
            raise found

        async def chunks() -> AsyncIterator[bytes]:
            for start in range(0, len(found), _CHUNK_BYTES):
                yield found[start : start + _CHUNK_BYTES]
                if self.breaks:
                    raise self.breaks.pop()

        yield ObjectStream(len(found), chunks())


def make(bucket: Bucket | None = None, there: Web | None = None, **limits: Any) -> Inputs:
    sizes = InputSizes(limits.pop("max_bytes", INPUT_MAX_BYTES), limits.pop("max_total_bytes", INPUTS_MAX_BYTES))
    known = InputLimits(**{"input_buckets": frozenset({"inputs"}), "timeout_s": 5.0, "sizes": sizes, **limits})
    https = HttpsLinks(
        known,
        is_allowed=lambda _address: True,
        resolver=there.names if there else None,
        tls=there.tls if there else None,
    )
    return Inputs(https, S3Links(bucket or Bucket(), "output", known), known)


async def named(inputs: Inputs, values: Mapping[str, Any]) -> dict[str, tuple[bytes, str]]:
    """Content and media type of each input."""
    async with inputs.named(values, owner="me") as files:
        for file in files.values():
            file.file.seek(0)
        got = {name: (file.file.read(), file.media.content_type) for name, file in files.items()}
        assert [file.size_bytes for file in files.values()] == [len(data) for data, _ in got.values()]
    assert all(file.file.closed for file in files.values())
    return got


async def image(request: web.Request) -> web.Response:
    return web.Response(body=PNG + request.path.encode())


async def test_links_in_a_body_become_base64_and_all_else_stays(tmp_path: Path) -> None:
    async with serve(tmp_path, image) as there:
        link = there.link("/a")
        content = {
            "prompt": "https://not.an.image/",
            "init_images": [link, ENCODED],
            "mask": f"data:image/png;base64,{ENCODED}",
            "steps": 20,
        }
        got = await make(there=there).in_content(content, owner="me")
    assert got == {**content, "init_images": [base64.b64encode(PNG + b"/a").decode(), ENCODED]}
    assert content["init_images"] == [link, ENCODED]


UNIT = "alwayson_scripts.ControlNet.args[0]"


@pytest.mark.parametrize(
    ("content", "path"),
    [
        ({"init_images": ["LINK"]}, "init_images[0]"),
        ({"mask": "LINK"}, "mask"),
        ({"image": "LINK"}, "image"),
        ({"imageList": [{"data": "LINK", "name": "a"}]}, "imageList[0].data"),
        ({"alwayson_scripts": {"ControlNet": {"args": [{"image": "LINK"}]}}}, f"{UNIT}.image"),
        ({"alwayson_scripts": {"ControlNet": {"args": [{"input_image": "LINK"}]}}}, f"{UNIT}.input_image"),
        ({"alwayson_scripts": {"ControlNet": {"args": [{"mask": "LINK"}]}}}, f"{UNIT}.mask"),
        ({"alwayson_scripts": {"ControlNet": {"args": [{"image": {"mask": "LINK"}}]}}}, f"{UNIT}.image.mask"),
        ({"alwayson_scripts": {"ControlNet": {"args": [{"image": [{"image": "LINK"}]}]}}}, f"{UNIT}.image[0].image"),
        (
            {"alwayson_scripts": {"controlnet": {"args": [{"image": "LINK"}]}}},
            "alwayson_scripts.controlnet.args[0].image",
        ),
    ],
)
async def test_every_field_of_an_image_may_be_a_link_and_is_named_where_it_fails(
    content: dict[str, Any], path: str
) -> None:
    link, encoded = "s3://inputs/a.png", base64.b64encode(PNG).decode()
    asked = _with(content, link)
    assert await make(Bucket({"inputs/a.png": PNG})).in_content(asked, owner="me") == _with(content, encoded)
    with pytest.raises(BadTaskError) as error:
        await make().in_content(asked, owner="me")
    assert (error.value.code, str(error.value)) == ("input", f"{path} cannot be fetched: S3 responded with NoSuchKey")


def _with(value: Any, text: str) -> Any:
    if isinstance(value, dict):
        return {key: _with(one, text) for key, one in value.items()}
    if isinstance(value, list):
        return [_with(one, text) for one in value]
    return text if value == "LINK" else value


@pytest.mark.parametrize(
    "value",
    [
        "http://images.example.com/a.png",
        "file:///etc/passwd",
        "ftp://a/b",
        "/data/outputs/somebody-elses.png",
        "outputs/0001",
        "%%%",
        base64.b64encode(b"<html>" * 10).decode(),
        "data:image/svg+xml,<svg></svg>",
    ],
)
async def test_fails_when_an_image_is_neither_a_link_nor_base64(value: str) -> None:
    with pytest.raises(BadTaskError, match="^init_images.0. must be an https:// link, an s3:// link or") as error:
        await make().in_content({"init_images": [value]}, owner="me")
    assert error.value.code == "input"


@pytest.mark.parametrize("value", [ENCODED, f"data:image/png;base64,{ENCODED}", f"\n{ENCODED[:20]}\n{ENCODED[20:]}"])
async def test_base64_is_sent_to_the_server_unchanged(value: str) -> None:
    content = {"init_images": [value]}
    assert await make().in_content(content, owner="me") == content


@pytest.mark.parametrize(
    "content",
    [
        {"init_images": None, "mask": "", "image": 7, "imageList": "x", "alwayson_scripts": []},
        {"imageList": [None, {"data": None}], "alwayson_scripts": {"ControlNet": None, "controlnet": {"args": 5}}},
        {"alwayson_scripts": {"ControlNet": {"args": [None, {"image": [[[[["deep"]]]]]}]}}},
    ],
)
async def test_odd_bodies_are_left_to_the_server(content: dict[str, Any]) -> None:
    assert await make().in_content(content, owner="me") == content


def deep(depth: int, inside: Any) -> Any:
    for _ in range(depth):
        inside = [inside]
    return inside


@pytest.mark.parametrize(
    ("content", "path"),
    [
        ({"alwayson_scripts": {"ReActor": {"args": ["LINK"]}}}, "alwayson_scripts.ReActor.args[0]"),
        ({"alwayson_scripts": {"ReActor": {"args": {"face": "LINK"}}}}, "alwayson_scripts.ReActor.args.face"),
        ({"alwayson_scripts": {"ReActor": {"args": "LINK"}}}, "alwayson_scripts.ReActor.args"),
        ({"alwayson_scripts": {"X": {"args": [1, {"a": [{"b": "LINK"}]}]}}}, "alwayson_scripts.X.args[1].a[0].b"),
        (
            {"alwayson_scripts": {"ControlNet": {"args": [{"image": ENCODED, "ipadapter_input": ["LINK"]}]}}},
            f"{UNIT}.ipadapter_input[0]",
        ),
        ({"script_name": "x", "script_args": [None, "LINK"]}, "script_args[1]"),
        ({"alwayson_scripts": {"X": {"args": deep(900, "s3://a/b")}}}, ("alwayson_scripts.X.args" + "[0]" * 900)[:300]),
    ],
)
@pytest.mark.parametrize(
    "link", ["https://a.example.com/b.png?c=d", "http://127.0.0.1/", "s3://inputs/a.png", "file:///etc", " ftp://a\n"]
)
async def test_fails_when_a_script_would_get_a_link_to_follow(content: dict[str, Any], path: str, link: str) -> None:
    with pytest.raises(BadTaskError) as error:
        await make().in_content(_with(content, link) if "[0][0]" not in path else content, owner="me")
    assert (error.value.code, str(error.value)) == (
        "input",
        f"{path} must not be a link, which the server would fetch itself",
    )


@pytest.mark.parametrize(
    "value", ["a sign: https://example.com", "https://a b", "no link", "://x", "data:image/png;base64,QUFB", 7, None]
)
async def test_a_string_that_contains_a_link_reaches_a_script(value: Any) -> None:
    content = {
        "prompt": "https://example.com/",
        "alwayson_scripts": {"ADetailer": {"args": [True, {"ad_prompt": value}]}, "Other": {"no args": "https://x/"}},
        "script_args": [value],
    }
    assert await make().in_content(content, owner="me") == content


async def test_what_is_fetched_must_be_an_image(tmp_path: Path) -> None:
    async def page(_request: web.Request) -> web.Response:
        return web.Response(body=b"<html>" * 10, headers={"Content-Type": "image/png"})

    async with serve(tmp_path, page) as there:
        with pytest.raises(BadTaskError, match="^mask must be an image$"):
            await make(there=there).in_content({"mask": there.link("/?X-Amz-Signature=secret")}, owner="me")


async def test_a_video_is_an_input_of_a_workflow_but_not_an_image() -> None:
    inputs = make(Bucket({"inputs/a": MP4}))
    assert await named(inputs, {"clip": "s3://inputs/a"}) == {"clip": (MP4, "video/mp4")}
    with pytest.raises(BadTaskError, match="must be an image$"):
        await inputs.in_content({"mask": "s3://inputs/a"}, owner="me")


async def test_named_inputs_are_links_or_base64(tmp_path: Path) -> None:
    async with serve(tmp_path, image) as there:
        inputs = make(Bucket({"inputs/a": PNG}), there)
        got = await named(
            inputs,
            {
                "web": there.link("/b"),
                "bucket": "s3://inputs/a",
                "here": ENCODED,
                "uri": f"data:image/png;base64,{ENCODED}",
            },
        )
    assert list(got.values()) == [(data, "image/png") for data in (PNG + b"/b", PNG, PNG, PNG)]


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (7, "metadata.inputs.cat must be a link or base64, got int"),
        ("%%%", "metadata.inputs.cat must be an https:// link, an s3:// link or base64"),
        ("file:///etc/passwd", "metadata.inputs.cat must be an https:// link, an s3:// link or base64, got file://"),
        ("http://a/b?secret", "metadata.inputs.cat must be an https:// link, an s3:// link or base64, got http://"),
        (base64.b64encode(b"text " * 9).decode(), "metadata.inputs.cat must be an image, a video, audio or a 3D model"),
        (base64.b64encode(PNG * 99).decode(), "metadata.inputs.cat must be at most 1000 bytes"),
    ],
)
async def test_fails_when_a_named_input_is_not_valid(value: Any, says: str) -> None:
    with pytest.raises(BadTaskError) as error:
        await named(make(max_bytes=1000), {"cat": value})
    assert (error.value.code, str(error.value)) == ("input", says)


async def test_an_upload_of_the_owner_is_read() -> None:
    bucket = Bucket({"output/uploads/me/a.png": PNG})
    assert await named(make(bucket), {"cat": "s3://output/uploads/me/a.png"}) == {"cat": (PNG, "image/png")}
    assert bucket.calls == ["output/uploads/me/a.png"]


@pytest.mark.parametrize(
    "link",
    [
        "s3://output/uploads/you/a.png",
        "s3://output/uploads/me2/a.png",
        "s3://output/uploads/me",
        "s3://output/uploads/me/../you/a.png",
        "s3://output/uploads//a.png",
        "s3://output/payloads/me/a",
        "s3://output/t1/t1-abcd-0.png",
        "s3://output/",
        "s3://output",
        "s3://",
        "s3:///uploads/me/a.png",
        "s3://elsewhere/uploads/me/a.png",
        "s3://inputs.evil.example.com/a.png",
        "S3://OUTPUT/uploads/me/a.png",
    ],
)
async def test_fails_when_an_object_is_not_the_owners_and_in_no_input_bucket(link: str) -> None:
    bucket = Bucket()
    with pytest.raises(BadTaskError, match="must be"):
        await named(make(bucket), {"cat": link})
    assert bucket.calls == []


async def test_fails_when_an_object_is_too_large() -> None:
    bucket = Bucket({"inputs/a": PNG.ljust(1001)})
    with pytest.raises(BadTaskError, match="must be at most 1000 bytes"):
        await named(make(bucket, max_bytes=1000), {"cat": "s3://inputs/a"})


async def test_fails_when_the_inputs_are_too_large_together() -> None:
    bucket = Bucket({"inputs/a": PNG})
    with pytest.raises(BadTaskError, match="is too large: all inputs together must be at most"):
        await named(make(bucket, max_total_bytes=len(PNG) + 1), dict.fromkeys("ab", "s3://inputs/a"))


@pytest.mark.parametrize("status", [403, 404, 400, 416])
async def test_fails_when_s3_returns_an_error(status: int) -> None:
    bucket = Bucket({"inputs/a": AwsError("No", "secret", status=status)})
    with pytest.raises(BadTaskError, match="^metadata.inputs.cat cannot be fetched: S3 responded with No$"):
        await named(make(bucket), {"cat": "s3://inputs/a"})


@pytest.mark.parametrize(
    "error", [AwsError("SlowDown", "", status=503), AwsUnreachableError("no"), AwsError("T", "", status=429)]
)
async def test_a_transient_error_of_s3_does_not_fail_the_task(error: AwsError) -> None:
    with pytest.raises(AwsError) as raised:
        await named(make(Bucket({"inputs/a": error})), {"cat": "s3://inputs/a"})
    assert raised.value is error


async def test_inputs_are_fetched_in_parallel_with_a_limit(tmp_path: Path) -> None:
    now, most = 0, 0

    async def slow(_request: web.Request) -> web.Response:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.05)
        now -= 1
        return web.Response(body=PNG)

    async with serve(tmp_path, slow) as there:
        await named(make(there=there, parallel=3), {str(n): there.link() for n in range(7)})
    assert most == 3


async def test_fails_when_all_inputs_together_take_too_long(tmp_path: Path) -> None:
    async def slow(_request: web.Request) -> web.Response:
        await asyncio.sleep(0.15)
        return web.Response(body=PNG)

    async with serve(tmp_path, slow) as there:
        inputs = make(there=there, parallel=1, timeout_s=0.4)
        with pytest.raises(BadTaskError, match="must arrive within 0.4 s"):
            await named(inputs, {str(n): there.link() for n in range(9)})
        assert len(there.requests) < 9


async def test_the_first_input_that_fails_ends_all(tmp_path: Path) -> None:
    async def silence(_request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async with serve(tmp_path, silence) as there, asyncio.timeout(20):
        with pytest.raises(BadTaskError, match="metadata.inputs.b must be"):
            await named(make(there=there, timeout_s=60.0), {"a": there.link(), "b": "file:///"})


@pytest.mark.parametrize("breaks", [1, 2])
async def test_an_interrupted_object_is_read_again_from_the_start(monkeypatch: pytest.MonkeyPatch, breaks: int) -> None:
    monkeypatch.setattr("queue_agent.inputs.s3_links._PAUSES_S", (0.0, 0.0))
    whole = PNG * 100
    bucket = Bucket({"inputs/a": whole}, breaks=[AwsUnreachableError("reset")] * breaks)
    # Discarded bytes do not count.
    assert await named(make(bucket, max_total_bytes=len(whole)), {"cat": "s3://inputs/a"}) == {
        "cat": (whole, "image/png")
    }
    assert bucket.calls == ["inputs/a"] * (breaks + 1)


async def test_an_object_that_is_always_interrupted_does_not_fail_the_task(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queue_agent.inputs.s3_links._PAUSES_S", (0.0, 0.0))
    bucket = Bucket({"inputs/a": PNG * 100}, breaks=[AwsUnreachableError("reset")] * 3)
    with pytest.raises(AwsUnreachableError):
        await named(make(bucket), {"cat": "s3://inputs/a"})


async def test_an_input_that_goes_on_arriving_may_take_longer(tmp_path: Path) -> None:
    assert (await _dripped(tmp_path, chunk=b"x" * 10_000))[0].startswith(PNG)


async def test_fails_when_an_input_arrives_too_slowly(tmp_path: Path) -> None:
    with pytest.raises(BadTaskError, match="must arrive within 0.2 s plus one second for each 97 KiB"):
        await _dripped(tmp_path, chunk=b"x")


async def _dripped(tmp_path: Path, chunk: bytes) -> tuple[bytes, str]:
    """An input that arrives in chunks, over twice the timeout of a small one."""

    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(PNG)
        for _ in range(10):
            await response.write(chunk)
            await asyncio.sleep(0.04)
        return response

    async with serve(tmp_path, drip) as there:
        inputs = make(there=there, timeout_s=0.2, min_bytes_per_s=100_000)
        return (await named(inputs, {"cat": there.link()}))["cat"]


def files_in(folder: Path) -> list[tuple[str, int]]:
    """Names and sizes of the files in a folder, and of open files without a name."""
    found = [(one.name, one.stat().st_size) for one in folder.iterdir()]
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            if str(descriptor.readlink()).startswith(f"{folder}/"):
                found.append(("no name", descriptor.stat().st_size))
        except FileNotFoundError:
            continue  # the descriptor of the listing itself
    return found


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of input files."""
    folder = tmp_path / "disk"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


async def test_an_input_has_no_name_on_the_disk_and_is_deleted_with_its_task(disk: Path) -> None:
    async with make(Bucket({"inputs/a": PNG})).named({"a": "s3://inputs/a", "b": ENCODED}, owner="me"):
        assert files_in(disk) == [("no name", len(PNG))] * 2
    assert files_in(disk) == []


async def test_nothing_is_left_of_an_input_that_fails(disk: Path) -> None:
    with pytest.raises(BadTaskError):
        await named(make(Bucket({"inputs/a": PNG})), {"a": "s3://inputs/a", "b": "s3://inputs/nonesuch"})
    assert files_in(disk) == []


async def test_nothing_is_left_of_an_input_whose_task_is_cancelled(disk: Path, tmp_path: Path) -> None:
    async def stall(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(PNG * 10_000)
        await asyncio.Event().wait()
        return response

    async with serve(tmp_path, stall) as there:
        fetching = asyncio.ensure_future(named(make(there=there), {"cat": there.link()}))
        while not any(size for _, size in files_in(disk)):  # noqa: ASYNC110 (what is waited for is on the disk)
            await asyncio.sleep(0.01)
        fetching.cancel()
        await asyncio.wait({fetching})
    assert files_in(disk) == []


async def test_fails_when_the_disk_is_full() -> None:
    class Full(io.BytesIO):
        def write(self, _data: Any) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    sink = DiskSink(Budget(InputLimits()), ("image",), Full())
    await sink.start(None)
    await sink.write(PNG)
    with pytest.raises(TaskFailedError, match="cannot write the inputs to its disk: No space left on device") as error:
        await sink.end()
    assert error.value.code == "storage"


@pytest.mark.parametrize(("further", "is_one"), [(b"", True), (b"\0", False)])
async def test_a_type_that_only_the_size_confirms_is_checked_at_the_end(further: bytes, is_one: bool) -> None:
    triangles = 200
    stl = bytes(80) + triangles.to_bytes(4, "little") + bytes(50 * triangles) + further
    inputs = make(Bucket({"inputs/a": stl}))
    if is_one:
        assert await named(inputs, {"mesh": "s3://inputs/a"}) == {"mesh": (stl, "model/stl")}
        return
    with pytest.raises(BadTaskError, match="must be an image, a video, audio or a 3D model"):
        await named(inputs, {"mesh": "s3://inputs/a"})


async def test_fails_when_an_object_is_empty() -> None:
    with pytest.raises(BadTaskError, match="^metadata.inputs.cat must not be empty$"):
        await named(make(Bucket({"inputs/a": b""})), {"cat": "s3://inputs/a"})
