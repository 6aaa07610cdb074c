"""Uploads: what a presigned URL allows, and which objects a submit may refer to."""

import json
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.exceptions import ClientError

from queue_agent.runtimes import media_kinds
from sd_on_eks.task_api.handler.errors import ApiError
from sd_on_eks.task_api.handler.uploads import Uploads
from task_record import table
from task_record.inputs.sizes import INPUT_MAX_BYTES, MAX_INPUT_MIB
from task_record.message import decode_message

NAME = "01JDM6ZC5V8Q4W2N7R3T9X1Y0Z"
REF = f"s3://output/uploads/key1/{NAME}"


def offer(api: Any, body: Any = None, **more: Any) -> Any:
    wanted = {"content_type": "image/png", "content_length": 5} if body is None else body
    return api.send("POST", "/v1alpha2/uploads", json.dumps(wanted), **more)


def submit(api: Any, ref: Any, **more: Any) -> Any:
    metadata = {"id": "t1", "runtime": "sd", "tasktype": "text-to-image"}
    return api.send("POST", "/v1alpha2", json.dumps({"task": {"metadata": metadata, "content_ref": ref}}), **more)


def put(api: Any, key: str = f"uploads/key1/{NAME}", body: bytes = b'{"prompt": "x"}') -> None:
    api.s3.put_object(Bucket="output", Key=key, Body=body)


def test_a_presigned_url_accepts_only_the_declared_size_and_type(api: Any) -> None:
    status, answer, _ = offer(api, {"content_type": "image/webp", "content_length": INPUT_MAX_BYTES})
    assert status == 200
    assert answer["method"] == "PUT"
    assert answer["headers"] == {"Content-Type": "image/webp", "Content-Length": "20971520"}
    # S3 computes the signature again from the headers of the request.
    query = parse_qs(urlsplit(answer["url"]).query)
    assert query["X-Amz-SignedHeaders"] == ["content-length;content-type;host"]


def test_a_presigned_url_expires_at_expires_at(api: Any) -> None:
    before = time.time()
    answer = offer(api)[1]
    query = parse_qs(urlsplit(answer["url"]).query)
    assert query["X-Amz-Expires"] == ["900"]
    expires_at = time.strptime(answer["expires_at"].partition(".")[0] + "Z", "%Y-%m-%dT%H:%M:%SZ")
    assert time.gmtime(before + 899) <= expires_at <= time.gmtime(time.time() + 901)


@pytest.mark.parametrize(
    ("variables", "owner"),
    [({}, "key1"), ({"TENANTS": '{"key1": "team-a"}'}, "team-a"), ({"TENANT_ISOLATION": "false"}, "-")],
    ids=["key", "tenant", "no isolation"],
)
def test_an_upload_has_a_key_below_the_owners_prefix(make_api: Any, variables: dict[str, str], owner: str) -> None:
    answer = offer(make_api(**variables))[1]
    assert answer["content_ref"].startswith(f"s3://output/uploads/{owner}/")
    key = answer["content_ref"].removeprefix("s3://output/")
    # The endpoint of the region: the global endpoint redirects to it, where the signature is invalid.
    assert answer["url"].startswith(f"https://output.s3.eu-west-1.amazonaws.com/{key}?")


@pytest.mark.parametrize(
    ("runtimes", "most_mib"),
    [
        ([], 20),
        ([{"name": "sd", "type": "sdwebui"}], 20),
        ([{"name": "sd", "type": "sdwebui"}, {"name": "comfy", "type": "comfyui"}], 100),
        ([{"name": "a", "type": "comfyui", "max_input_mib": 5}, {"name": "sd", "type": "sdwebui"}], 20),
        ([{"name": "a", "type": "comfyui", "max_input_mib": 50}, {"name": "b", "type": "comfyui"}], 100),
        ([{"name": "a", "type": "comfyui", "max_input_mib": MAX_INPUT_MIB}], MAX_INPUT_MIB),
    ],
)
def test_an_upload_may_be_as_large_as_the_runtimes_accept(make_api: Any, runtimes: Any, most_mib: int) -> None:
    api = make_api(runtimes=runtimes)
    assert offer(api, {"content_type": "video/mp4", "content_length": most_mib * 2**20})[0] == 200
    status, answer, _ = offer(api, {"content_type": "video/mp4", "content_length": most_mib * 2**20 + 1})
    assert (status, answer["error"]["field"]) == (400, "content_length")
    assert f"must be a whole number from 1 to {most_mib * 2**20}, got the number" in answer["error"]["message"]


@pytest.mark.parametrize("content_type", sorted({media.content_type for media in media_kinds.ALL}))
def test_every_media_type_that_an_agent_knows_may_be_declared(api: Any, content_type: str) -> None:
    assert offer(api, {"content_type": content_type, "content_length": 1})[0] == 200


def test_every_upload_has_another_key(api: Any) -> None:
    assert offer(api)[1]["content_ref"] != offer(api)[1]["content_ref"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"content_length": 1}, "content_type"),
        ({"content_type": "image/png"}, "content_length"),
        ({"content_type": "text/html", "content_length": 1}, "content_type"),
        ({"content_type": "image/png", "content_length": 0}, "content_length"),
        ({"content_type": "image/png", "content_length": 100 * 2**20 + 1}, "content_length"),
        ({"content_type": "image/png", "content_length": MAX_INPUT_MIB * 2**20 + 1}, "content_length"),
        ({"content_type": "application/json", "content_length": INPUT_MAX_BYTES + 1}, "content_length"),
        ({"content_type": "image/png", "content_length": 1.5}, "content_length"),
        ({"content_type": "image/png", "content_length": True}, "content_length"),
        ({"content_type": "image/png", "content_length": 1, "key": "uploads/key2/x"}, "key"),
    ],
)
def test_fails_when_an_upload_request_is_invalid(api: Any, body: Any, field: str) -> None:
    status, answer, _ = offer(api, body)
    assert (status, answer["error"]["field"]) == (400, field)


def test_uploaded_content_is_pinned_and_not_copied(api: Any) -> None:
    body = json.dumps({"prompt": "x" * 300_000}).encode()
    put(api, body=body)
    assert submit(api, REF)[0] == 200
    message = decode_message(api.records("B#")[0][table.MESSAGE])
    assert message.payload is not None
    etag = api.s3.head_object(Bucket="output", Key=f"uploads/key1/{NAME}")["ETag"]
    assert (message.payload.url, message.payload.etag, message.payload.pointer) == (REF, etag, "")
    assert api.objects() == [f"uploads/key1/{NAME}"]


def test_an_upload_of_a_tenant_can_be_used_with_another_of_its_keys(make_api: Any) -> None:
    api = make_api(TENANTS='{"key1": "team", "key2": "team"}')
    put(api, f"uploads/team/{NAME}")
    assert submit(api, f"s3://output/uploads/team/{NAME}", key="key2")[0] == 200


@pytest.mark.parametrize(
    "ref",
    [
        f"s3://another/uploads/key1/{NAME}",
        f"s3://output/uploads/key2/{NAME}",
        f"s3://output/uploads/key1x/{NAME}",
        f"s3://output/uploads/key1/../key2/{NAME}",
        f"s3://output/uploads/key1/./{NAME}",
        f"s3://output/uploads/key1//{NAME}",
        f"s3://output/uploads/key1/%2e%2e/key2/{NAME}",
        f"s3://output/uploads/key1/a/../../key2/{NAME}",
        "s3://output/uploads/key1/",
        f"s3://output/uploads/key1/{NAME}/",
        f"s3://output/uploads/key1/{NAME}?versionId=1",
        f"s3://output/payloads/key1/{NAME}",
        f"https://output.s3.amazonaws.com/uploads/key1/{NAME}",
        "s3://output/uploads/key1/ä",
        "",
        1,
    ],
)
def test_fails_when_a_reference_is_not_to_an_upload_of_the_caller(api: Any, ref: Any) -> None:
    for owner in ("key1", "key2"):
        put(api, f"uploads/{owner}/{NAME}")
    status, answer, _ = submit(api, ref)
    assert (status, answer["error"]["field"]) == (400, "task.content_ref")
    assert api.calls == []


def test_fails_when_a_reference_is_only_a_key() -> None:
    """The schema rejects it first; without the schema, it must not give access to results of others."""
    nothing: Any = None
    with pytest.raises(ApiError, match="must be a content_ref"):
        Uploads(nothing, "output").read("t1/a.png", "key1")


def test_fails_when_the_upload_does_not_exist(api: Any) -> None:
    status, answer, _ = submit(api, REF)
    assert (status, answer["error"]["field"]) == (400, "task.content_ref")
    assert "must refer to an existing upload, got one that does not exist" in answer["error"]["message"]


def test_fails_when_an_upload_is_too_large(api: Any) -> None:
    put(api, body=b" " * (INPUT_MAX_BYTES + 1))
    status, answer, _ = submit(api, REF)
    assert (status, answer["error"]["field"]) == (400, "task.content_ref")
    assert "20971520" in answer["error"]["message"]


@pytest.mark.parametrize("body", [b"\xff", b"{", b"[]", b'{"a": NaN}'], ids=["binary", "truncated", "list", "NaN"])
def test_fails_when_an_upload_is_not_valid_content(api: Any, body: bytes) -> None:
    put(api, body=body)
    status, answer, _ = submit(api, REF)
    assert (status, answer["error"]["field"]) == (400, "task.content_ref")
    assert api.items() == []


def test_a_missing_upload_is_reported_without_the_permission_to_list(make_api: Any) -> None:
    class WithoutList:
        """S3 for a role that may not list the bucket: a missing object is AccessDenied."""

        def get_object(self, **_: Any) -> Any:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": ""}}, "GetObject")

    status, answer, _ = submit(make_api(s3=WithoutList()), REF)
    assert (status, answer["error"]["field"]) == (400, "task.content_ref")
