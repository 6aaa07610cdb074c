"""`POST /v1alpha1`: a body of the SD Web UI's own API, routed by keys in its `alwayson_scripts`."""

from typing import Any, Final

from task_record.tasktypes import ROUTING_KEYS

from .body import Body
from .content_rules import check_content
from .fields import a_context, a_prefix, a_task_id, a_text, an_expiry, an_object
from .runtimes import Runtimes, check_tasktype
from .task_request import TaskRequest

_SCRIPTS: Final = "alwayson_scripts."
_TASK: Final = "task"
_ID: Final = "id_task"
_CHECKPOINT: Final = "sd_model_checkpoint"
_SAVE_DIR: Final = "save_dir"
_IMAGE_LINK: Final = "image_link"


def read_v1alpha1(body: Body, runtimes: Runtimes, *, now_ms: int, max_age_s: int) -> TaskRequest:
    """Read a request and translate it to what v1alpha2 says.

    Raises:
        ApiError: something in it is wrong.
    """
    scripts = an_object(body.value, "alwayson_scripts", "")
    tasktype = a_text(scripts, _TASK, _SCRIPTS)
    task_id = a_task_id(scripts, _ID, _SCRIPTS)
    checkpoint = a_text(scripts, _CHECKPOINT, _SCRIPTS)
    runtime = runtimes.serving(checkpoint, f"{_SCRIPTS}{_CHECKPOINT}")
    check_tasktype(tasktype, runtime, f"{_SCRIPTS}{_TASK}")

    translated: dict[str, Any] = {}
    if runtime.dynamic_model:
        overrides = body.value.get("override_settings")
        translated["override_settings"] = {
            **(overrides if isinstance(overrides, dict) else {}),
            "sd_model_checkpoint": checkpoint,
        }
    if scripts.get(_IMAGE_LINK) and "init_images" not in body.value:
        translated["init_images"] = [a_text(scripts, _IMAGE_LINK, _SCRIPTS)]
    content = {
        **body.value,
        **translated,
        "alwayson_scripts": {name: value for name, value in scripts.items() if name not in ROUTING_KEYS},
    }
    check_content(tasktype, content, "")
    uid = scripts.get("uid")

    def answer(_submission: str, output_location: str) -> dict[str, Any]:
        return {"id_task": task_id, "sd_model_checkpoint": checkpoint, "output_location": output_location}

    return TaskRequest(
        id=task_id,
        runtime=runtime,
        tasktype=tasktype,
        prefix=a_prefix(scripts, _SAVE_DIR, _SCRIPTS),
        context=a_context({"uid": {"uid": uid}}, "uid", _SCRIPTS) if uid is not None else None,
        inputs={},
        expires_at_ms=an_expiry({}, "expires_at", _SCRIPTS, now_ms=now_ms, max_age_s=max_age_s),
        content=content,
        # The agent leaves the routing keys out by itself.
        content_pointer=None if translated else "",
        answer=answer,
    )
