"""Resolves the inputs of a task: links and base64."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import ExitStack, asynccontextmanager
from tempfile import TemporaryFile
from typing import Any, Final, TypeVar

import pybase64

from queue_agent.errors import BadTaskError
from queue_agent.inputs.https_links import HttpsLinks
from queue_agent.inputs.limits import Budget, InputLimits, LinkError
from queue_agent.inputs.s3_links import S3Links
from queue_agent.inputs.sinks import DiskSink, MemorySink, Sink
from queue_agent.runtimes.base import InputFile
from queue_agent.runtimes.media import UNKNOWN, Media, kind_of_start
from task_record.inputs import kinds
from task_record.inputs.image_fields import Path, image_fields, spelled, with_strings
from task_record.inputs.links import scheme_of
from task_record.inputs.script_links import script_links

T = TypeVar("T")
_SNIFFED_CHARACTERS: Final = 512
_MAX_NAME_LENGTH: Final = 60
_MAX_FIELD_LENGTH: Final = 300


class Inputs:
    """Fetches the inputs of tasks.

    Args:
        https: fetches https:// links.
        s3: fetches s3:// links.
        limits: limits of size and time.
    """

    def __init__(self, https: HttpsLinks, s3: S3Links, limits: InputLimits) -> None:
        self._https = https
        self._s3 = s3
        self._limits = limits

    async def in_content(self, content: Mapping[str, Any], *, owner: str) -> Mapping[str, Any]:
        """Replace the links in an SD Web UI request body by base64. The server never receives a link.

        Args:
            content: the request body.
            owner: owner of the task.

        Raises:
            BadTaskError: an input cannot be fetched or is not an image, or a script argument is a link.
            AwsError: S3 did not respond; a retry may succeed.
        """
        for path, _ in script_links(content):
            place = spelled(path)[:_MAX_FIELD_LENGTH]
            raise BadTaskError("input", f"{place} must not be a link, which the server would fetch itself")
        links: dict[Path, str] = {}
        for path, value in image_fields(content):
            if scheme_of(value) is not None:
                links[path] = value
            else:
                _check_base64(spelled(path), value)
        budget = Budget(self._limits)
        texts = await self._together(
            budget, [self._encoded(spelled(path), link, owner, budget) for path, link in links.items()]
        )
        return with_strings(content, dict(zip(links, texts, strict=True)))

    @asynccontextmanager
    async def named(self, inputs: Mapping[str, Any], *, owner: str) -> AsyncIterator[dict[str, InputFile]]:
        """Fetch the named inputs of a workflow, each a link or base64. The context deletes their files at its end.

        Args:
            inputs: the inputs by name.
            owner: owner of the task.

        Raises:
            BadTaskError: an input cannot be fetched, or is not an image, a video, audio or a 3D model.
            TaskFailedError: the disk write failed.
            AwsError: S3 did not respond; a retry may succeed.
        """
        budget = Budget(self._limits)
        with ExitStack() as files:
            sinks = [DiskSink(budget, kinds.NAMED, files.enter_context(TemporaryFile())) for _ in inputs]
            fetched = await self._together(
                budget,
                [
                    self._named(f"metadata.inputs.{name[:_MAX_NAME_LENGTH]}", value, owner, sink)
                    for (name, value), sink in zip(inputs.items(), sinks, strict=True)
                ],
            )
            yield dict(zip(inputs, fetched, strict=True))

    async def _together(self, budget: Budget, fetches: list[Coroutine[Any, Any, T]]) -> list[T]:
        """Fetch in parallel. The first failure cancels the others."""
        places = asyncio.Semaphore(self._limits.parallel)

        async def limited(fetch: Coroutine[Any, Any, T]) -> T:
            async with places:
                return await fetch

        tasks = [asyncio.ensure_future(limited(fetch)) for fetch in fetches]
        try:
            async with budget.in_time():
                return await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks)
            for fetch in fetches:
                fetch.close()  # if it was never started

    async def _encoded(self, path: str, link: str, owner: str, budget: Budget) -> str:
        sink = MemorySink(budget, kinds.IN_CONTENT)
        await self._fetch(path, link, owner, sink)
        return pybase64.b64encode_as_string(sink.data())

    async def _named(self, path: str, value: Any, owner: str, sink: DiskSink) -> InputFile:  # noqa: ANN401 (any JSON value)
        if not isinstance(value, str):
            raise BadTaskError("input", f"{path} must be a link or base64, got {type(value).__name__}")
        if scheme_of(value) is not None:
            return sink.input_file(await self._fetch(path, value, owner, sink))
        try:
            data = pybase64.b64decode(_without_data_prefix(value), validate=True)
        except ValueError as error:
            raise BadTaskError("input", f"{path} must be an https:// link, an s3:// link or base64") from error
        try:
            await sink.start(len(data))
            await sink.write(data)
            return sink.input_file(await sink.end())
        except LinkError as error:
            raise BadTaskError("input", f"{path} {error}") from error

    async def _fetch(self, path: str, link: str, owner: str, sink: Sink) -> Media:
        scheme = scheme_of(link)
        if scheme not in {"https", "s3"}:
            raise BadTaskError("input", f"{path} must be an https:// link, an s3:// link or base64, got {scheme}://")
        try:
            if scheme == "s3":
                await self._s3.fetch(link, owner, sink)
            else:
                await self._https.fetch(link, sink)
            return await sink.end()
        except LinkError as error:
            raise BadTaskError("input", f"{path} {error}") from error


def _check_base64(path: str, value: str) -> None:
    """Reject a value that is not an image in base64. Server extensions would open it as a file name."""
    first = "".join(_without_data_prefix(value[:_SNIFFED_CHARACTERS]).split())
    try:
        media = kind_of_start(pybase64.b64decode(first[: len(first) // 4 * 4]), None)
    except ValueError:
        media = UNKNOWN
    if media.content_type.partition("/")[0] not in kinds.IN_CONTENT:
        raise BadTaskError("input", f"{path} must be an https:// link, an s3:// link or an image in base64")


def _without_data_prefix(value: str) -> str:
    return value.partition(",")[2] if value.startswith("data:") else value
