"""The steps of the client of openapi-python-client, the same as in scenario.ts."""

import base64
import json
import os
import ssl
import sys
import time
from typing import Any, TypeVar

import httpx
from task_api_client import AuthenticatedClient
from task_api_client.api.default import (
    cancel_task,
    create_upload,
    get_task,
    list_tasks,
    submit_task,
    submit_v1_alpha_1,
)
from task_api_client.models import (
    AlwaysonScripts,
    Error,
    ExtraBatchImages,
    ExtraBatchImagesImageListItem,
    ExtraSingleImage,
    GetTaskPosition,
    ImageToImage,
    OverrideSettingsType0,
    Pipeline,
    Status,
    SubmitTask,
    SubmitTaskTask,
    Submitted,
    SubmitV1Alpha1,
    SubmitV1Alpha1AlwaysonScripts,
    SubmitV1Alpha1AlwaysonScriptsTask,
    Task,
    TaskMetadata,
    TaskMetadataInputsType0,
    Tasktype,
    TextToImage,
    UploadRequest,
    UploadRequestContentType,
)

Answer = TypeVar("Answer")

IMAGE, PREFIX = os.environ["IMAGE"], os.environ["PREFIX"]
AUTHORITY = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])
CLIENT = AuthenticatedClient(
    base_url=os.environ["ENDPOINT"],
    token=os.environ["API_KEY"],
    prefix="",
    auth_header_name="x-api-key",
    verify_ssl=AUTHORITY,
)


def answered(answer: Answer | Error | None) -> Answer:
    if answer is None or isinstance(answer, Error):
        raise RuntimeError(answer.error.message if isinstance(answer, Error) else "no answer")
    return answer


def submit(task: SubmitTaskTask) -> Submitted:
    key = task.metadata.id
    return answered(submit_task.sync(client=CLIENT, body=SubmitTask(task=task), idempotency_key=key))


def text_to_image() -> Submitted:
    scripts = AlwaysonScripts()
    scripts["ADetailer"] = {"args": [True, {"ad_model": "face_yolov8n.pt"}]}
    settings = OverrideSettingsType0()
    settings["CLIP_stop_at_last_layers"] = 2
    content = TextToImage(
        prompt="a cat",
        negative_prompt="blurry",
        steps=20,
        width=64,
        height=48,
        seed=9223372036854775783,
        override_settings=settings,
        script_args=[1, "two"],
        alwayson_scripts=scripts,
        send_images=True,
    )
    content["an_extensions_field"] = {"of": ["any", "kind"]}
    metadata = TaskMetadata(
        id=f"{PREFIX}text",
        runtime="sd",
        tasktype=Tasktype.TEXT_TO_IMAGE,
        prefix="generated",
        context={"user": "ann", "tags": [1, 2.5, None]},
    )
    return submit(SubmitTaskTask(metadata=metadata, content=content))


def upload(content_type: UploadRequestContentType, body: bytes) -> str:
    request = UploadRequest(content_type=content_type, content_length=len(body))
    answer = answered(create_upload.sync(client=CLIENT, body=request))
    httpx.request(
        answer.method, answer.url, content=body, headers=answer.headers.additional_properties, verify=AUTHORITY
    ).raise_for_status()
    content_ref: str = answer.content_ref
    return content_ref


def submit_all() -> Submitted:
    submitted = text_to_image()
    inputs = TaskMetadataInputsType0()
    inputs["portrait.png"] = upload(UploadRequestContentType.IMAGEPNG, base64.b64decode(IMAGE))
    metadata = TaskMetadata(id=f"{PREFIX}pipeline", runtime="comfy", tasktype=Tasktype.PIPELINE, inputs=inputs)
    workflow = Pipeline.from_dict(json.loads(os.environ["WORKFLOW"]))
    submit(SubmitTaskTask(metadata=metadata, content=workflow))

    body = ImageToImage(prompt="a dog", init_images=[IMAGE]).to_dict()
    content_ref = upload(UploadRequestContentType.APPLICATIONJSON, json.dumps(body).encode())
    metadata = TaskMetadata(id=f"{PREFIX}image", runtime="sd", tasktype=Tasktype.IMAGE_TO_IMAGE)
    submit(SubmitTaskTask(metadata=metadata, content_ref=content_ref))

    metadata = TaskMetadata(id=f"{PREFIX}single", runtime="sd", tasktype=Tasktype.EXTRA_SINGLE_IMAGE)
    submit(SubmitTaskTask(metadata=metadata, content=ExtraSingleImage(image=IMAGE, upscaling_resize=2)))

    images = [ExtraBatchImagesImageListItem(name="one.png", data=IMAGE)]
    metadata = TaskMetadata(id=f"{PREFIX}batch", runtime="sd", tasktype=Tasktype.EXTRA_BATCH_IMAGES)
    submit(SubmitTaskTask(metadata=metadata, content=ExtraBatchImages(image_list=images, upscaling_resize=2)))

    routing = SubmitV1Alpha1AlwaysonScripts(
        task=SubmitV1Alpha1AlwaysonScriptsTask.TEXT_TO_IMAGE,
        id_task=f"{PREFIX}v1alpha1",
        sd_model_checkpoint="v1-5-pruned-emaonly.safetensors",
        uid="ann",
    )
    v1alpha1 = SubmitV1Alpha1(alwayson_scripts=routing)
    v1alpha1["prompt"], v1alpha1["steps"] = "a bird", 10
    answered(submit_v1_alpha_1.sync(client=CLIENT, body=v1alpha1))
    return submitted


def wait(task_id: str) -> Task:
    while True:
        task = answered(get_task.sync(task_id, client=CLIENT, position=GetTaskPosition.VALUE_1))
        if task.status not in {Status.QUEUED, Status.RUNNING}:
            return task
        time.sleep(0.1)


def list_all() -> list[str]:
    ids: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = answered(list_tasks.sync(client=CLIENT, runtime="sd", status=Status.COMPLETED, limit=2, **cursor))
        ids += [task.id for task in page.tasks]
        if not isinstance(page.next_, str):
            return ids
        cursor = {"next_": page.next_}


def code_of_unknown_runtime() -> str:
    metadata = TaskMetadata(id="a", runtime="none", tasktype=Tasktype.PIPELINE)
    body = SubmitTask(task=SubmitTaskTask(metadata=metadata, content=Pipeline()))
    answer = submit_task.sync(client=CLIENT, body=body)
    return answer.error.code if isinstance(answer, Error) else "none"


def run() -> dict[str, Any]:
    submitted = submit_all()
    names = ("text", "pipeline", "image", "single", "batch", "v1alpha1")
    return {
        "submitted": submitted.to_dict(),
        "tasks": {name: wait(PREFIX + name).to_dict() for name in names},
        "listed": list_all(),
        "code": code_of_unknown_runtime(),
    }


def cancel() -> list[str]:
    submitted = text_to_image()
    task_id, submission = submitted.id, submitted.submission
    cancelled = answered(cancel_task.sync(task_id, client=CLIENT, submission=submission))
    return [cancelled.status, answered(get_task.sync(task_id, client=CLIENT)).status]


sys.stdout.write(json.dumps(cancel() if sys.argv[1] == "cancel" else run()))
