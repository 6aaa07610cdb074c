"""The client of the SD Web UI: readiness, interrupt, preparation of tasks."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from queue_agent import clock
from queue_agent.errors import BadTaskError, RuntimeBusyError, RuntimeUnavailableError, TaskFailedError
from queue_agent.json_codec import encode_json
from queue_agent.runtimes.base import Content, RuntimeTask
from queue_agent.runtimes.http import OK, RuntimeHttp, attempt
from queue_agent.runtimes.sdwebui.checkpoint_files import CheckpointFile
from queue_agent.runtimes.sdwebui.checkpoints import Checkpoints
from queue_agent.runtimes.sdwebui.choices import Choices
from queue_agent.runtimes.sdwebui.override_settings import OverrideSettings, restored
from queue_agent.runtimes.sdwebui.request import SdWebUiRequest
from task_record.checkpoints import (
    KEY,
    SCRIPTS,
    CheckpointError,
    checkpoint_of,
    with_checkpoint,
    with_settings_in_place,
)
from task_record.runtime_types import ROUTING_KEYS, SDWEBUI, TASK_TYPES

_POLL_INTERVAL_S: Final = 0.25
_DURATION_FIELDS: Final = (
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
"""Fields that affect the duration of a task."""


class SdWebUi:
    """The client.

    Args:
        http: HTTP client of the server.
        model_filename: default checkpoint of the runtime, for tasks that name none.
        dynamic_model: whether the runtime switches to the checkpoint that a task names.
    """

    def __init__(self, http: RuntimeHttp, *, model_filename: str | None, dynamic_model: bool) -> None:
        self._http = http
        self._model_filename = model_filename
        self._dynamic_model = dynamic_model
        self._checkpoints = Checkpoints(http)
        self._choices = Choices(http, self._checkpoints)
        self._override_settings = OverrideSettings(http)
        self._interrupts = 0

    async def is_ready(self) -> bool:
        """Whether the server responds, and its default checkpoint is available and selected."""
        self._checkpoints.forget()
        self._choices.forget()
        self._override_settings.forget()
        try:
            options = await self._http.get(SDWEBUI.ready_path)
            return options.status == OK and await self._has_own(is_selected=bool(options.object().get(KEY)))
        except (RuntimeUnavailableError, TaskFailedError):
            return False

    async def _has_own(self, *, is_selected: bool) -> bool:
        if self._model_filename is None:
            return True
        own = await self._checkpoints.own(self._model_filename)
        if own is not None and not is_selected:
            # It was missing when the server started, so it is loaded now.
            await self._checkpoints.load(own)
        return own is not None

    async def interrupt_until_idle(self, timeout_s: float) -> bool:
        """Interrupt the running task. The load of a model and a decode do not stop."""
        self._interrupts += 1
        until = clock.monotonic_s() + timeout_s
        while True:
            try:
                await self._http.post("/sdapi/v1/interrupt", {})
                state = (await self._http.get("/sdapi/v1/progress")).object().get("state") or {}
                if not state.get("job_count"):
                    return True
            except RuntimeBusyError:
                pass  # unknown whether a task runs
            except RuntimeUnavailableError as error:
                return not error.accepted  # a refused connection: nothing runs
            if clock.monotonic_s() + _POLL_INTERVAL_S > until:
                return False
            await asyncio.sleep(_POLL_INTERVAL_S)

    async def with_inputs(self, content: Content, fetched: Callable[[Content], Awaitable[Content]]) -> Content:
        """With every image in its field: the server itself never gets a link to follow."""
        return await fetched(content)

    @asynccontextmanager
    async def prepare(self, task: RuntimeTask) -> AsyncIterator[SdWebUiRequest]:
        """Find the checkpoint, validate other names, encode the request body, and connect."""
        content, checkpoint = self._placed(task)
        file, further = None, list[CheckpointFile]()
        if checkpoint is not None:
            with attempt(counts=False):
                file = await self._checkpoints.find(checkpoint)
                content, further = await self._choices.checked(content)
                content = with_checkpoint(content, file.title)
        request = SdWebUiRequest(
            self._http,
            post=self._http.hold(TASK_TYPES[task.tasktype].server_path, encode_json(content)),
            checkpoint=file,
            further_checkpoints=further,
            checkpoints=self._checkpoints,
            before=lambda: self._override_settings.keep(content),
            interrupts=lambda: self._interrupts,
        )
        try:
            yield request
        finally:
            request.close()

    def _placed(self, task: RuntimeTask) -> tuple[dict[str, Any], str | None]:
        """The request body without routing keys, and the checkpoint, resolved at submit or here by the same rule."""
        checkpoint, content = task.checkpoint, task.content
        try:
            if TASK_TYPES[task.tasktype].runs_checkpoint:
                content = with_settings_in_place(content)
                checkpoint = checkpoint or checkpoint_of(
                    task.tasktype,
                    content,
                    model_filename=self._model_filename,
                    dynamic_model=self._dynamic_model,
                )
        except CheckpointError as error:
            code = "checkpoint_required" if error.is_missing else "bad_message"
            raise BadTaskError(code, f"content.{error.field}: {error}") from error
        return restored(_without_routing(content)), checkpoint

    def duration_key(self, task: RuntimeTask) -> str:
        """The task type, model, size, steps and batch."""
        images = task.content.get("imageList") or task.content.get("init_images") or ()
        lasting = [task.checkpoint, *(task.content.get(name) for name in _DURATION_FIELDS), len(images)]
        return " ".join([task.tasktype, *(str(value)[:_MAX_VALUE_LENGTH] for value in lasting)])


_MAX_VALUE_LENGTH: Final = 100


def _without_routing(content: Mapping[str, Any]) -> dict[str, Any]:
    scripts = content.get(SCRIPTS)
    if not isinstance(scripts, dict):
        return dict(content)
    # A script has arguments. A routing key may have any other value.
    kept = {name: one for name, one in scripts.items() if name not in ROUTING_KEYS or _has_arguments(one)}
    return {**content, SCRIPTS: kept}


def _has_arguments(script: Any) -> bool:  # noqa: ANN401 (any JSON value)
    return isinstance(script, dict) and "args" in script
