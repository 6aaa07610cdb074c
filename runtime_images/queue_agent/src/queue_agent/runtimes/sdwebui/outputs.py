"""The response of the SD Web UI: images in base64, with grids among them, and their description."""

from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import pybase64

from queue_agent.errors import TaskFailedError
from queue_agent.json_codec import decode_json
from queue_agent.runtimes.base import Description, OutputFile
from queue_agent.runtimes.http import OpenReply
from queue_agent.runtimes.media import kind_of_data
from queue_agent.runtimes.sdwebui.checkpoint_files import CheckpointFile
from queue_agent.runtimes.sdwebui.refusal import no_image

_MAX_STRING_LENGTH: Final = 10_000
"""Longer strings in a description are inputs that the server repeats: images in base64."""


class SdWebUiOutputs:
    """The response to a task.

    Args:
        reply: the response, with its headers.
        checkpoint: the expected checkpoint; `None` for a task that uses none.
        on_wrong_model: called if the server used another checkpoint.
    """

    def __init__(
        self, reply: OpenReply, *, checkpoint: CheckpointFile | None, on_wrong_model: Callable[[], None]
    ) -> None:
        self._reply = reply
        self._checkpoint = checkpoint
        self._on_wrong_model = on_wrong_model
        self._description = Description()

    async def files(self) -> AsyncIterator[OutputFile]:
        """Yield the images, without the grid of a batch."""
        answer = (await self._reply.read()).object()
        images = _images(answer)
        info = _info(answer.get("info"))
        self._description = _description(answer, info, self._checkpoint)
        self._verify_model(info.get("sd_model_name"))
        # In a batch, the first image may be a grid of all images.
        del images[: _whole(info.get("index_of_first_image"))]
        if not images:
            raise no_image(answer, info)
        images.reverse()
        while images:
            yield _file(images.pop())

    def description(self) -> Description:
        """The description of the images, with the decoded `info` and without repeated inputs."""
        return self._description

    def _verify_model(self, ran: object) -> None:
        wanted = self._checkpoint
        # SD.Next does not report the model, so its response cannot be checked.
        if wanted is None or not isinstance(ran, str) or ran in wanted.names_in_answers:
            return
        self._on_wrong_model()
        raise TaskFailedError("wrong_model", f"the runtime used {ran!r} instead of {wanted.path!r}")


def _images(answer: dict[str, Any]) -> list[str]:
    """Remove the images from a response: `images` of most operations, `image` of `extra-single-image`."""
    images, image = answer.pop("images", None), answer.pop("image", None)
    return [one for one in (images or [image]) if isinstance(one, str) and one]


def _file(image: str) -> OutputFile:
    encoded = image.partition(",")[2] if image.startswith("data:") else image
    try:
        data = pybase64.b64decode(encoded, validate=True)
    except ValueError as error:
        raise TaskFailedError("runtime_error", "the runtime returned an image that is not valid base64") from error
    media = kind_of_data(data)
    return OutputFile(data=data, extension=media.extension, content_type=media.content_type)


def _info(text: object) -> dict[str, Any]:
    """Decode `info`, which is JSON in a JSON string."""
    value = decode_json(text) if isinstance(text, str) else text
    return value if isinstance(value, dict) else {}


def _description(answer: dict[str, Any], info: dict[str, Any], checkpoint: CheckpointFile | None) -> Description:
    parameters = _shortened(answer.get("parameters"))
    summary = {
        "seeds": info.get("all_seeds"),
        "model": info.get("sd_model_name"),
        "checkpoint": None if checkpoint is None else checkpoint.path,
        "parameters": parameters,
    }
    response = {**answer, "info": info, "parameters": parameters}
    return Description(
        summary={name: value for name, value in summary.items() if value is not None},
        response={name: value for name, value in response.items() if value},
    )


def _shortened(value: Any) -> Any:  # noqa: ANN401 (any JSON value)
    """A value without nulls and long strings."""
    if isinstance(value, dict):
        return {key: _shortened(one) for key, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_shortened(one) for one in value]
    if isinstance(value, str) and len(value) > _MAX_STRING_LENGTH:
        return f"({len(value)} characters)"
    return value


def _whole(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0
