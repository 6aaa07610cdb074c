"""The SD Web UI as a whole: whether it is ready, how it is stopped, how a task is prepared."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from queue_agent import clock
from queue_agent.errors import RuntimeUnavailableError
from queue_agent.json_codec import encode_json
from queue_agent.runtimes.base import RuntimeTask
from queue_agent.runtimes.http import OK, RuntimeHttp, attempt
from queue_agent.runtimes.sdwebui.checkpoints import Checkpoints
from queue_agent.runtimes.sdwebui.request import SdWebUiRequest
from task_record.tasktypes import ROUTING_KEYS

_PATHS: Final = {
    "text-to-image": "/sdapi/v1/txt2img",
    "image-to-image": "/sdapi/v1/img2img",
    "extra-single-image": "/sdapi/v1/extra-single-image",
    "extra-batch-images": "/sdapi/v1/extra-batch-images",
}
_LOOK_EVERY_S: Final = 0.25
_CHECKPOINT: Final = "sd_model_checkpoint"
_LASTING: Final = (
    "width",
    "height",
    "steps",
    "sampler_name",
    "batch_size",
    "n_iter",
    "denoising_strength",
    "enable_hr",
    "hr_scale",
    "hr_resize_x",
    "hr_resize_y",
    "hr_second_pass_steps",
    "upscaling_resize",
    "upscaling_resize_w",
    "upscaling_resize_h",
    "upscaler_1",
    "upscaler_2",
)
"""Fields on which it depends how long a task takes."""


class SdWebUi:
    """The server.

    Args:
        http: HTTP to it.
    """

    def __init__(self, http: RuntimeHttp) -> None:
        self._http = http
        self._checkpoints = Checkpoints(http)
        self._interrupts = 0

    async def is_ready(self) -> bool:
        """Whether it answers and has loaded a model: the API answers before that."""
        self._checkpoints.forget()
        try:
            options, models = await self._http.get("/sdapi/v1/options"), await self._http.get("/sdapi/v1/sd-models")
        except RuntimeUnavailableError:
            return False
        return options.status == OK and bool(options.object().get(_CHECKPOINT)) and bool(models.json())

    async def interrupt_until_idle(self, timeout_s: float) -> bool:
        """Interrupt what runs; a model load or a decode does not stop."""
        self._interrupts += 1
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

    @asynccontextmanager
    async def prepare(self, task: RuntimeTask) -> AsyncIterator[SdWebUiRequest]:
        """Find the checkpoint that it names, encode the body, and connect."""
        content = _without_routing(task.content)
        wanted = _checkpoint(content)
        with attempt(counts=False):
            title = None if wanted is None else await self._checkpoints.title_of(wanted)
        if title is not None:
            content["override_settings"] = {**content["override_settings"], _CHECKPOINT: title}
        request = SdWebUiRequest(
            self._http,
            post=self._http.hold(_PATHS[task.tasktype], encode_json(content)),
            title=title,
            checkpoints=self._checkpoints,
            interrupts=lambda: self._interrupts,
        )
        try:
            yield request
        finally:
            request.close()

    def likeness(self, task: RuntimeTask) -> str:
        """Kind, model, size, steps, batch: the same for tasks that take about as long."""
        images = task.content.get("imageList") or task.content.get("init_images") or ()
        lasting = [_checkpoint(task.content), *(task.content.get(name) for name in _LASTING), len(images)]
        return " ".join([task.tasktype, *(str(value)[:_LONGEST_VALUE] for value in lasting)])


_LONGEST_VALUE: Final = 100


def _checkpoint(content: Mapping[str, Any]) -> str | None:
    overrides = content.get("override_settings")
    wanted = overrides.get(_CHECKPOINT) if isinstance(overrides, dict) else None
    return wanted if isinstance(wanted, str) and wanted else None


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
