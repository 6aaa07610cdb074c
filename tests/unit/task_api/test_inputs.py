"""Inputs of a task: which uploads and buckets are allowed, what is checked, and where large inputs are stored."""

import base64
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from task_record import table
from task_record.inputs.sizes import INPUT_MAX_BYTES
from task_record.message import MESSAGE_MAX_BYTES, TaskMessage, decode_message

UPLOAD = "s3://output/uploads/key1/01JDM6ZC5V8Q4W2N7R3T9X1Y0Z"
FIELD = "task.content.init_images[0]"
IMAGE = base64.b64encode(b"an image").decode()
WORKFLOW = {"1": {"class_type": "LoadImage", "inputs": {"image": "cat.png [input]", "mask": "mask.png"}}}


def upload(api: Any, link: str = UPLOAD, *, content_type: str = "image/png", body: bytes = b"an image") -> None:
    bucket, _, key = link.removeprefix("s3://").partition("/")
    api.s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType=content_type)


def with_image(api: Any, link: str) -> tuple[int, dict[str, Any]]:
    return sent(api, {"init_images": [link]}, tasktype="image-to-image")


def with_inputs(api: Any, inputs: Any, workflow: Any = None) -> tuple[int, dict[str, Any]]:
    return sent(api, workflow or WORKFLOW, tasktype="pipeline", runtime="comfy", inputs=inputs)


def sent(api: Any, content: Any, **metadata: Any) -> tuple[int, dict[str, Any]]:
    status, answer, _ = api.post(metadata, content)
    return status, answer


def message(api: Any) -> TaskMessage:
    (record,) = api.records("B#")
    return decode_message(str(record[table.MESSAGE]))


def test_a_link_to_an_upload_stays_in_the_message(api: Any) -> None:
    upload(api)
    assert with_image(api, UPLOAD)[0] == 200
    assert message(api).content == {"init_images": [UPLOAD]}
    assert api.calls == ["HeadObject", "TransactWriteItems"]


def test_each_upload_is_checked_once(api: Any) -> None:
    upload(api)
    images = [{"data": UPLOAD, "name": str(number)} for number in range(3)]
    assert sent(api, {"imageList": images}, tasktype="extra-batch-images")[0] == 200
    assert api.calls.count("HeadObject") == 1


def test_v1alpha1_accepts_a_link(api: Any) -> None:
    upload(api)
    scripts = {"task": "image-to-image", "id_task": "t1", "sd_model_checkpoint": "a.ckpt", "image_link": UPLOAD}
    status, _, _ = api.send("POST", "/v1alpha1", json.dumps({"alwayson_scripts": scripts}))
    assert status == 200
    assert (message(api).content or {})["init_images"] == [UPLOAD]


def test_uploads_are_not_checked_if_another_field_is_invalid(api: Any) -> None:
    upload(api)
    assert sent(api, {"init_images": [UPLOAD], "mask": "?"}, tasktype="image-to-image")[0] == 400
    assert api.calls == []


def test_fails_when_an_upload_does_not_exist(api: Any) -> None:
    status, answer = with_image(api, UPLOAD)
    assert (status, answer["error"]["field"]) == (400, FIELD)
    assert "must refer to an existing upload, got one that does not exist" in answer["error"]["message"]
    assert api.items() == []


def test_an_upload_of_another_type_is_rejected(api: Any) -> None:
    upload(api, content_type="application/json")
    status, answer = with_image(api, UPLOAD)
    assert (status, answer["error"]["field"]) == (400, FIELD)
    assert "got an upload that was declared as application/json" in answer["error"]["message"]


@pytest.mark.parametrize(
    ("content_type", "status"), [("video/mp4", 200), ("application/octet-stream", 200), ("application/json", 400)]
)
def test_a_workflow_accepts_media_of_any_type(api: Any, content_type: str, status: int) -> None:
    upload(api, content_type=content_type)
    assert with_inputs(api, {"cat.png": UPLOAD})[0] == status


class Sizes:
    """S3 in which every upload has the same size."""

    def __init__(self, size: int) -> None:
        self._size = size

    def head_object(self, **_: Any) -> Any:
        return {"ContentType": "image/png", "ContentLength": self._size}


def test_fails_when_an_upload_is_too_large(make_api: Any) -> None:
    status, answer = with_image(make_api(s3=Sizes(INPUT_MAX_BYTES + 1)), UPLOAD)
    assert (status, answer["error"]["field"]) == (400, FIELD)
    assert "20971520" in answer["error"]["message"]


def test_fails_when_uploads_are_too_large_in_total(make_api: Any) -> None:
    images = [{"data": f"{UPLOAD}{number}", "name": "a"} for number in range(4)]
    api = make_api(s3=Sizes(INPUT_MAX_BYTES))
    status, answer = sent(api, {"imageList": images}, tasktype="extra-batch-images")
    assert (status, answer["error"]["field"]) == (400, "task.content.imageList[3].data")
    assert "must keep all inputs within 62914560 bytes in total, got 83886080" in answer["error"]["message"]


@pytest.mark.parametrize(("size_mib", "status"), [(100, 200), (101, 400)])
def test_a_workflow_accepts_larger_uploads(make_api: Any, size_mib: int, status: int) -> None:
    api = make_api(s3=Sizes(size_mib * 2**20))
    answered, answer = with_inputs(api, {"cat.png": UPLOAD})
    assert answered == status, answer
    if status == 400:
        assert answer["error"]["field"] == "task.metadata.inputs.cat.png"
        assert "must be at most 104857600 bytes, got" in answer["error"]["message"]


def test_the_size_of_an_upload_is_limited_by_the_runtime_of_the_task(make_api: Any) -> None:
    small = {"name": "comfy", "type": "comfyui", "max_input_mib": 5}
    large = {"name": "other", "type": "comfyui", "max_input_mib": 500}
    api = make_api(runtimes=[small, large], s3=Sizes(150 * 2**20))
    assert with_inputs(api, {"cat.png": UPLOAD})[0] == 400
    assert sent(api, WORKFLOW, tasktype="pipeline", runtime="other", inputs={"cat.png": UPLOAD})[0] == 200


def test_fails_when_uploads_for_a_workflow_are_too_large_in_total(make_api: Any) -> None:
    inputs = {name: f"{UPLOAD}{number}" for number, name in enumerate("abcd")}
    workflow = {"1": {"class_type": "X", "inputs": {name: name for name in inputs}}}
    status, answer = with_inputs(make_api(s3=Sizes(100 * 2**20)), inputs, workflow)
    assert (status, answer["error"]["field"]) == (400, "task.metadata.inputs.d")
    assert "must keep all inputs within 314572800 bytes in total, got 419430400" in answer["error"]["message"]


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "503", "Message": ""}}, "HeadObject"),
        EndpointConnectionError(endpoint_url="https://s3"),
    ],
    ids=["error", "unreachable"],
)
def test_fails_with_503_when_s3_is_unavailable(make_api: Any, error: Exception) -> None:
    class Unavailable:
        def head_object(self, **_: Any) -> Any:
            raise error

    assert with_image(make_api(s3=Unavailable()), UPLOAD)[0] == 503


def test_objects_of_a_bucket_for_inputs_are_not_checked(make_api: Any) -> None:
    api = make_api(INPUT_BUCKETS="studio,shared")
    assert with_image(api, "s3://shared/a/b.png")[0] == 200
    assert api.calls == ["TransactWriteItems"]


@pytest.mark.parametrize(
    ("link", "why"),
    [
        ("s3://shared", "got no key"),
        ("s3://shared/", "got no key"),
        ("s3://sharedx/a", "returned to this API key, or a link to an object of the bucket shared or studio"),
        ("s3://output/t1/a.png", "returned to this API key"),
    ],
)
def test_fails_when_a_link_is_not_to_a_bucket_for_inputs(make_api: Any, link: str, why: str) -> None:
    # The output bucket is never a bucket for inputs: otherwise results of others could be read.
    status, answer = with_image(make_api(INPUT_BUCKETS="studio,shared,output"), link)
    assert (status, answer["error"]["field"]) == (400, FIELD)
    assert why.replace("shared or studio", "output or shared or studio") in answer["error"]["message"]


def test_named_inputs_are_part_of_the_message(api: Any) -> None:
    inputs = {"cat.png": IMAGE, "mask.png": "https://example.com/mask.png"}
    assert with_inputs(api, inputs)[0] == 200
    assert message(api).inputs == inputs
    assert api.calls == ["TransactWriteItems"]


@pytest.mark.parametrize("kind", ["image/jxl", "video/mp2t", "model/gltf+json", "application/octet-stream"])
def test_a_named_input_may_be_a_data_uri_of_any_media_type(api: Any, kind: str) -> None:
    assert with_inputs(api, {"cat.png": f"data:{kind};base64,{IMAGE}"})[0] == 200


def test_inputs_that_are_too_large_for_a_message_are_offloaded_with_the_content(api: Any) -> None:
    inputs = {"cat.png": "QUFB" * (MESSAGE_MAX_BYTES // 4)}
    assert with_inputs(api, inputs)[0] == 200
    sent_message = message(api)
    assert sent_message.inputs == {}
    assert sent_message.payload is not None
    assert sent_message.payload.inputs is not None
    assert read(api, sent_message.payload.inputs.url, sent_message.payload.inputs.pointer) == inputs
    assert read(api, sent_message.payload.url, sent_message.payload.pointer) == WORKFLOW


def test_small_inputs_stay_in_the_message_of_large_content(api: Any) -> None:
    workflow = WORKFLOW | {"2": {"class_type": "CLIPTextEncode", "inputs": {"text": "x" * MESSAGE_MAX_BYTES}}}
    assert with_inputs(api, {"cat.png": IMAGE}, workflow)[0] == 200
    sent_message = message(api)
    assert sent_message.inputs == {"cat.png": IMAGE}
    assert sent_message.payload is not None
    assert sent_message.payload.inputs is None


def test_fails_when_inputs_of_a_task_with_uploaded_content_are_too_large(api: Any) -> None:
    upload(api, content_type="application/json", body=json.dumps(WORKFLOW).encode())
    inputs = {"cat.png": "QUFB" * (MESSAGE_MAX_BYTES // 4)}
    metadata = {"id": "t1", "runtime": "comfy", "tasktype": "pipeline", "inputs": inputs}
    body = {"task": {"metadata": metadata, "content_ref": UPLOAD}}
    status, answer, _ = api.send("POST", "/v1alpha2", json.dumps(body))
    assert (status, answer["error"]["field"]) == (400, "task.metadata")
    assert (
        "must fit into a message of 204800 bytes; upload the inputs and send links to them"
        in answer["error"]["message"]
    )
    assert api.items() == []


def read(api: Any, url: str, pointer: str) -> Any:
    bucket, _, key = url.removeprefix("s3://").partition("/")
    value = json.loads(api.s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    for name in pointer.split("/")[1:]:
        value = value[name]
    return value
