"""AUTOMATIC1111 Stable Diffusion Web UI, by its HTTP API.

https://github.com/AUTOMATIC1111/stable-diffusion-webui/wiki/API
"""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Any, Final

import orjson
import pybase64

from queue_agent import clock
from queue_agent.errors import BadTaskError, RuntimeUnavailableError, TaskFailedError
from queue_agent.runtimes.base import Answer, OutputFile, RuntimeTask
from queue_agent.runtimes.http import OK, Reply, RuntimeHttp
from queue_agent.runtimes.media import kind_of_image
from task_record.tasktypes import ROUTING_KEYS

_PATHS: Final = {
    "text-to-image": "/sdapi/v1/txt2img",
    "image-to-image": "/sdapi/v1/img2img",
    "extra-single-image": "/sdapi/v1/extra-single-image",
    "extra-batch-images": "/sdapi/v1/extra-batch-images",
}
_CHECKPOINT_SUFFIXES: Final = (".safetensors", ".ckpt", ".pt")
_LOOK_EVERY_S: Final = 0.5
_SWITCH_S: Final = 300.0
_WORDS: Final = 2000


class SdWebUi:
    """The server.

    Args:
        http: HTTP to it.
    """

    def __init__(self, http: RuntimeHttp) -> None:
        self._http = http

    async def is_ready(self) -> bool:
        """Whether it answers and has loaded a model: the API answers before that."""
        try:
            options, models = await self._http.get("/sdapi/v1/options"), await self._http.get("/sdapi/v1/sd-models")
        except RuntimeUnavailableError:
            return False
        return options.status == OK and bool(options.object().get("sd_model_checkpoint")) and bool(models.json())

    async def interrupt_until_idle(self, timeout_s: float) -> bool:
        """Interrupt what runs; a model load or a decode does not stop."""
        until = clock.monotonic_s() + timeout_s
        while True:
            try:
                await self._http.post("/sdapi/v1/interrupt", {})
                state = (await self._http.get("/sdapi/v1/progress")).object().get("state") or {}
            except RuntimeUnavailableError as error:
                return not error.accepted  # nothing listens: nothing runs
            if not state.get("job_count"):
                return True
            if clock.monotonic_s() + _LOOK_EVERY_S > until:
                return False
            await asyncio.sleep(_LOOK_EVERY_S)

    async def run(
        self, task: RuntimeTask, *, before_post: Callable[[], None], on_progress: Callable[[float], None]
    ) -> Answer:
        """Run a task; the request is answered when it is done."""
        content = _without_routing(task.content)
        wanted = (content.get("override_settings") or {}).get("sd_model_checkpoint")
        if wanted:
            content["override_settings"] = {
                **content["override_settings"],
                "sd_model_checkpoint": await self._load(wanted),
            }
        progress = asyncio.create_task(self._report_progress(on_progress))
        try:
            before_post()
            reply = await self._http.post(_PATHS[task.tasktype], content, timeout_s=None)
        finally:
            progress.cancel()
            await asyncio.wait({progress})
        if reply.status != OK:
            raise _failure(reply)
        return _answer(reply.object(), str(wanted) if wanted else None)

    async def _report_progress(self, on_progress: Callable[[float], None]) -> None:
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            try:
                share = (await self._http.get("/sdapi/v1/progress")).object().get("progress")
            except RuntimeUnavailableError:
                continue  # the request itself tells whether the server lives
            if isinstance(share, int | float):
                on_progress(float(share))

    async def _load(self, wanted: str) -> str:
        """Load a checkpoint; the server would silently run the current one in place of one that it does not know."""
        models = (await self._http.get("/sdapi/v1/sd-models")).json() or []
        titles = {_file_name(str(model.get("filename", ""))): str(model.get("title", "")) for model in models}
        if _file_name(wanted) not in titles:
            raise BadTaskError("unknown_checkpoint", f"{wanted!r} is none of: {', '.join(sorted(titles))}")
        title = titles[_file_name(wanted)]
        current = (await self._http.get("/sdapi/v1/options")).object().get("sd_model_checkpoint")
        if current != title:
            reply = await self._http.post("/sdapi/v1/options", {"sd_model_checkpoint": title}, timeout_s=_SWITCH_S)
            if reply.status != OK:
                raise _failure(reply)
        return title


def _without_routing(content: Mapping[str, Any]) -> dict[str, Any]:
    scripts = content.get("alwayson_scripts")
    if not isinstance(scripts, dict):
        return dict(content)
    kept = {
        name: script
        for name, script in scripts.items()
        # A script has arguments; a routing key has a text.
        if name not in ROUTING_KEYS or isinstance(script, dict)
    }
    return {**content, "alwayson_scripts": kept}


def _answer(body: dict[str, Any], wanted: str | None) -> Answer:
    encoded = body.get("images") or ([body["image"]] if body.get("image") else [])
    info = _info(body.get("info"))
    # With a batch, a grid of all images may stand before them.
    first = info.get("index_of_first_image") or 0
    images = [one for one in encoded if isinstance(one, str)][int(first) :]
    if not images:
        raise TaskFailedError("runtime_error", "the runtime answered without an image")
    ran = info.get("sd_model_name")
    if wanted and ran and _model_name(wanted) != _model_name(str(ran)):
        raise TaskFailedError("wrong_model", f"{ran!r} ran in place of {wanted!r}")
    summary = {"seeds": info.get("all_seeds"), "model": ran, "parameters": body.get("parameters")}
    return Answer(
        files=tuple(_file(image) for image in images),
        summary={name: value for name, value in summary.items() if value is not None},
        response={name: value for name, value in body.items() if name not in {"images", "image"}},
    )


def _file(encoded: str) -> OutputFile:
    try:
        data = pybase64.b64decode(encoded.rpartition(",")[2], validate=True)
    except ValueError as error:
        raise TaskFailedError("runtime_error", "the runtime answered with an image that is not base64") from error
    extension, content_type = kind_of_image(data)
    return OutputFile(data=data, extension=extension, content_type=content_type)


def _info(text: Any) -> dict[str, Any]:  # noqa: ANN401 (a JSON text in a JSON value)
    try:
        value = orjson.loads(text) if isinstance(text, str) else text
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def _failure(reply: Reply) -> TaskFailedError:
    """The server's own words: `{error, detail, body, errors}`, or a validator's `{detail: [...]}`."""
    body = reply.object()
    said = body.get("errors") or body.get("detail") or body.get("error") or reply.body.decode("utf-8", "replace")
    words = said if isinstance(said, str) else orjson.dumps(said).decode()
    return TaskFailedError(
        "runtime_error", words[:_WORDS], status=reply.status, error=str(body.get("error", ""))[:_WORDS]
    )


def _file_name(path: str) -> str:
    return PurePosixPath(path.replace("\\", "/").partition(" [")[0]).name


def _model_name(path: str) -> str:
    """Name of a checkpoint as the server reports it: the file's, without a checkpoint's suffix."""
    name = _file_name(path)
    for suffix in _CHECKPOINT_SUFFIXES:
        name = name.removesuffix(suffix)
    return name
