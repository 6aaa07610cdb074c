"""`POST /v1alpha1`: a request body of the SD Web UI, routed by keys in its `alwayson_scripts`."""

from typing import TYPE_CHECKING, Any

from task_record.checkpoints import SCRIPTS
from task_record.runtime_types import ROUTING_KEYS

from . import request_schema
from .body import Body
from .checkpoint import decided
from .content_rules import check_content
from .fields import check_context, expiry_ms
from .inputs import Inputs
from .runtimes import Runtimes, check_tasktype
from .task_request import TaskRequest

if TYPE_CHECKING:
    from .uploads import Uploads


def read_v1alpha1(
    body: Body,
    runtimes: Runtimes,
    *,
    uploads: "Uploads",  # noqa: ARG001 (the signature of read_v1alpha2)
    owner: str,  # noqa: ARG001 (as above)
    inputs: Inputs,
    now_ms: int,
    max_age_s: int,
) -> TaskRequest:
    """Read a request and translate it into the terms of v1alpha2.

    Args:
        body: the request body.
        runtimes: the runtimes of this deployment.
        uploads: not used.
        owner: not used.
        inputs: checks images.
        now_ms: the current time, epoch milliseconds.
        max_age_s: age at which an unfinished task expires.

    Raises:
        ApiError: the request is invalid.
    """
    request_schema.submit_v1alpha1(body.value, "")
    scripts = body.value[SCRIPTS]
    task_id, tasktype, checkpoint = scripts["id_task"], scripts["task"], scripts["sd_model_checkpoint"]
    runtime = runtimes.serving(checkpoint, f"{SCRIPTS}.sd_model_checkpoint")
    check_tasktype(tasktype, runtime, f"{SCRIPTS}.task")
    context = {"uid": scripts["uid"]} if scripts.get("uid") is not None else None
    check_context(context, f"{SCRIPTS}.uid")

    settled, decided_checkpoint = decided(tasktype, body.value, runtime, "")
    translated: dict[str, Any] = {}
    if scripts.get("image_link") and "init_images" not in body.value:
        inputs.check_image(scripts["image_link"], f"{SCRIPTS}.image_link")
        translated["init_images"] = [scripts["image_link"]]
    kept = {name: value for name, value in settled[SCRIPTS].items() if name not in ROUTING_KEYS}
    content = {**settled, **translated, SCRIPTS: kept}
    check_content(tasktype, runtime, content, "", inputs)

    def answer(_submission: str, output_location: str) -> dict[str, Any]:
        return {"id_task": task_id, "sd_model_checkpoint": checkpoint, "output_location": output_location}

    return TaskRequest(
        id=task_id,
        runtime=runtime,
        tasktype=tasktype,
        checkpoint=decided_checkpoint,
        prefix=(scripts.get("save_dir") or "").rstrip("/") or None,
        context=context,
        inputs={},
        expires_at_ms=expiry_ms(None, "", now_ms=now_ms, max_age_s=max_age_s),
        content=content,
        # The agent removes the routing keys itself.
        content_pointer="" if settled is body.value and not translated else None,
        inputs_pointer=None,
        answer=answer,
    )
