"""What a task names as its inputs, and what it gets: pictures out of links and base64."""

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any, Final

import pybase64

from queue_agent.errors import BadTaskError
from queue_agent.inputs.https_links import HttpsLinks
from queue_agent.inputs.limits import Budget, InputLimits, LinkError
from queue_agent.inputs.s3_links import S3Links
from queue_agent.runtimes.base import InputFile
from queue_agent.runtimes.media import SNIFFED_BYTES, kind_of_data
from task_record.inputs.image_fields import Path, image_fields, spelled, with_texts
from task_record.inputs.links import scheme_of
from task_record.inputs.script_links import script_links

_SNIFFED_CHARACTERS: Final = 512
_LONGEST_NAME: Final = 60
_LONGEST_FIELD: Final = 300
_IMAGE: Final = ("image",)
_MEDIA: Final = ("image", "video", "audio", "model")


class Inputs:
    """Fetches the inputs of tasks.

    Args:
        https: fetches https:// links.
        s3: fetches s3:// links.
        limits: how much, how long.
    """

    def __init__(self, https: HttpsLinks, s3: S3Links, limits: InputLimits) -> None:
        self._https = https
        self._s3 = s3
        self._limits = limits

    async def in_content(self, content: Mapping[str, Any], *, owner: str) -> Mapping[str, Any]:
        """A body of the SD Web UI with base64 in place of links. The server itself never gets a link to follow.

        Args:
            content: the body.
            owner: of the task.

        Raises:
            BadTaskError: an input cannot be had, or is no picture; which one and why. Or a script would get a link.
            AwsError: S3 does not answer; it may a moment later.
        """
        for path, _ in script_links(content):
            place = spelled(path)[:_LONGEST_FIELD]
            raise BadTaskError("input", f"{place} must not be a link, which the server would follow itself")
        links: dict[Path, str] = {}
        for path, value in image_fields(content):
            if scheme_of(value) is not None:
                links[path] = value
            else:
                _check_base64(spelled(path), value)
        budget = Budget(self._limits)
        pictures = await self._together(
            [self._fetch(spelled(path), link, owner, budget, _IMAGE) for path, link in links.items()]
        )
        texts = [pybase64.b64encode_as_string(picture.data) for picture in pictures]
        return with_texts(content, dict(zip(links, texts, strict=True)))

    async def named(self, inputs: Mapping[str, Any], *, owner: str) -> dict[str, InputFile]:
        """Named inputs of a workflow, each a link or base64.

        Args:
            inputs: by name.
            owner: of the task.

        Raises:
            BadTaskError: an input cannot be had, or is no picture, video, audio or 3D model; which one and why.
            AwsError: S3 does not answer; it may a moment later.
        """
        budget = Budget(self._limits)
        fetched = await self._together(
            [
                self._named(f"metadata.inputs.{name[:_LONGEST_NAME]}", value, owner, budget)
                for name, value in inputs.items()
            ]
        )
        return dict(zip(inputs, fetched, strict=True))

    async def _together(self, fetches: list[Coroutine[Any, Any, InputFile]]) -> list[InputFile]:
        """Fetch some at the same time; the first that fails ends all."""
        places = asyncio.Semaphore(self._limits.parallel)

        async def in_turn(fetch: Coroutine[Any, Any, InputFile]) -> InputFile:
            async with places:
                return await fetch

        tasks = [asyncio.ensure_future(in_turn(fetch)) for fetch in fetches]
        try:
            async with asyncio.timeout(self._limits.timeout_s):
                return await asyncio.gather(*tasks)
        except TimeoutError as error:
            raise BadTaskError("input", f"the inputs did not arrive within {self._limits.timeout_s:g} s") from error
        finally:
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks)
            for fetch in fetches:
                fetch.close()  # one that was never begun

    async def _named(self, path: str, value: Any, owner: str, budget: Budget) -> InputFile:  # noqa: ANN401 (any JSON value)
        if not isinstance(value, str):
            raise BadTaskError("input", f"{path} must be a link or base64, got {type(value).__name__}")
        if scheme_of(value) is not None:
            return await self._fetch(path, value, owner, budget, _MEDIA)
        try:
            data = pybase64.b64decode(_without_data_prefix(value), validate=True)
            budget.check(len(data))
            budget.take(len(data))
            return _file(data, _MEDIA)
        except LinkError as error:
            raise BadTaskError("input", f"{path} {error}") from error
        except ValueError as error:
            raise BadTaskError("input", f"{path} must be https://, s3:// or base64") from error

    async def _fetch(self, path: str, link: str, owner: str, budget: Budget, kinds: tuple[str, ...]) -> InputFile:
        scheme = scheme_of(link)
        try:
            if scheme == "s3":
                return _file(await self._s3.fetch(link, owner, budget), kinds)
            if scheme == "https":
                data = await self._https.fetch(link, budget, lambda first: _check(first, kinds))
                return _file(data, kinds)
        except LinkError as error:
            raise BadTaskError("input", f"{path} {error}") from error
        raise BadTaskError("input", f"{path} must be https://, s3:// or base64, got {scheme}://")


def _file(data: bytes, kinds: tuple[str, ...]) -> InputFile:
    _check(data, kinds)
    return InputFile(data=data, content_type=kind_of_data(data).content_type)


def _check(data: bytes, kinds: tuple[str, ...]) -> None:
    if kind_of_data(data).content_type.partition("/")[0] not in kinds:
        raise LinkError(f"must be {'an image' if kinds == _IMAGE else 'an image, a video, audio or a 3D model'}")


def _check_base64(path: str, value: str) -> None:
    """Refuse what is no picture in base64: extensions of the server open files by their names, too."""
    first = "".join(_without_data_prefix(value[:_SNIFFED_CHARACTERS]).split())
    try:
        _check(pybase64.b64decode(first[: len(first) // 4 * 4])[:SNIFFED_BYTES], _IMAGE)
    except (LinkError, ValueError) as error:
        raise BadTaskError("input", f"{path} must be https://, s3://, or an image in base64") from error


def _without_data_prefix(value: str) -> str:
    return value.partition(",")[2] if value.startswith("data:") else value
