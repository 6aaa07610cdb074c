"""What the SD Web UI answers: pictures in base64, grids among them, and what it says of them."""

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

_LONGEST_TEXT: Final = 10_000
"""Texts over this many characters in a description are inputs that the server repeats: pictures in base64."""


class SdWebUiOutputs:
    """The answer to a task.

    Args:
        reply: whose headers are there.
        checkpoint: the checkpoint that it had to run; `None` for a task that uses none.
        on_wrong_model: called where another one ran.
    """

    def __init__(
        self, reply: OpenReply, *, checkpoint: CheckpointFile | None, on_wrong_model: Callable[[], None]
    ) -> None:
        self._reply = reply
        self._checkpoint = checkpoint
        self._on_wrong_model = on_wrong_model
        self._description = Description()

    async def files(self) -> AsyncIterator[OutputFile]:
        """The pictures, without the grid that a batch may have."""
        answer = (await self._reply.read()).object()
        images = _images(answer)
        info = _info(answer.get("info"))
        self._description = _description(answer, info, self._checkpoint)
        self._verify_model(info.get("sd_model_name"))
        # With a batch, a grid of all pictures may stand before them.
        del images[: _whole(info.get("index_of_first_image"))]
        if not images:
            raise no_image(answer, info)
        images.reverse()
        while images:
            yield _file(images.pop())

    def description(self) -> Description:
        """What the server says of the pictures; its `info` is read, and inputs that it repeats are left out."""
        return self._description

    def _verify_model(self, ran: object) -> None:
        wanted = self._checkpoint
        # A server that names none (SD.Next) cannot be checked by its answer.
        if wanted is None or not isinstance(ran, str) or ran in wanted.names_in_answers:
            return
        self._on_wrong_model()
        raise TaskFailedError("wrong_model", f"{ran!r} ran in place of {wanted.path!r}")


def _images(answer: dict[str, Any]) -> list[str]:
    """Take the pictures out of an answer: `images` of most operations, `image` of `extra-single-image`."""
    images, image = answer.pop("images", None), answer.pop("image", None)
    return [one for one in (images or [image]) if isinstance(one, str) and one]


def _file(image: str) -> OutputFile:
    encoded = image.partition(",")[2] if image.startswith("data:") else image
    try:
        data = pybase64.b64decode(encoded, validate=True)
    except ValueError as error:
        raise TaskFailedError("runtime_error", "the runtime answered with an image that is not base64") from error
    media = kind_of_data(data)
    return OutputFile(data=data, extension=media.extension, content_type=media.content_type)


def _info(text: object) -> dict[str, Any]:
    """`info`, which is JSON in a JSON string."""
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
    """A value without what is `null` and without long texts."""
    if isinstance(value, dict):
        return {key: _shortened(one) for key, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_shortened(one) for one in value]
    if isinstance(value, str) and len(value) > _LONGEST_TEXT:
        return f"({len(value)} characters)"
    return value


def _whole(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0
