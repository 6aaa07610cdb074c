"""The path of a task with the deployed resources: submit, relay, agent, runtime, bucket, callback."""

import io
import json
import re
import time
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError
from PIL import Image

from sd_on_eks.task_api.contract.schemas import schemas

pytestmark = pytest.mark.xdist_group("local_stack")


def image_size(client: Any, task: dict[str, Any]) -> tuple[int, int]:
    (result,) = [one for one in task["results"] if one["s3_url"].endswith(".png")]
    with Image.open(io.BytesIO(client.http.request("GET", result["url"]).data)) as image:
        image.load()
        return image.size


def workflow(prompt: str) -> dict[str, Any]:
    return {
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 48, "batch_size": 1}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": prompt}},
        "3": {"class_type": "KSampler", "inputs": {"seed": uuid.uuid4().int % 2**32, "steps": 4, "positive": ["6", 0]}},
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0]}},
        "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "x", "images": ["8", 0]}},
    }


def is_empty(client: Any, url: str) -> bool:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = client.stack.emulator.sqs().get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return all(found[name] == "0" for name in names)


def test_text_to_image_has_an_image_and_one_callback(client: Any) -> None:
    answer = client.submit(
        {"prompt": "a cat", "width": 64, "height": 48, "seed": 7}, prefix="a/b", context={"user": 1.5}
    )
    task = client.wait(answer["id"])
    assert task["status"] == "completed", task
    assert image_size(client, task) == (64, 48)
    urls = sorted(one["s3_url"].removeprefix(answer["output_location"]) for one in task["results"])
    assert re.fullmatch(rf"{answer['id']}-[0-9a-f]{{4}}-0\.png", urls[0])
    assert re.fullmatch(rf"{answer['id']}-[0-9a-f]{{4}}\.out", urls[1])
    (callback,) = client.until(lambda: client.callbacks_of(answer["id"]))
    assert (callback["status"], callback["submission"], callback["context"]) == (
        "completed",
        answer["submission"],
        {"user": 1.5},
    )
    assert callback["attributes"]["runtime"]["Value"] == "sd"
    assert callback["attributes"]["status"]["Value"] == "completed"
    assert callback["result"]["seeds"] == [7]
    client.until(lambda: is_empty(client, client.stack.deployment.runtimes["sd"].queue_url))


def test_timings_of_a_task_and_of_its_callback_are_documented(client: Any) -> None:
    answer = client.submit({"prompt": "a cat", "width": 64, "height": 48})
    parts = client.wait(answer["id"])["timings"]
    assert parts.keys() == schemas()["Timings"]["properties"].keys()
    (callback,) = client.until(lambda: client.callbacks_of(answer["id"]))
    own = callback["timings"]
    _, instants = schemas()["Callback"]["properties"]["timings"]["allOf"]
    assert own.keys() == parts.keys() | instants["properties"].keys()
    assert own.items() >= parts.items()
    assert round(parts["gpu_seconds"] * 1000) == parts["inference_ms"]


def test_image_to_image_with_a_body_over_200_kb_is_offloaded(client: Any, noise: str) -> None:
    answer = client.submit(
        {"prompt": "a cat", "init_images": [noise], "width": 64, "height": 64}, tasktype="image-to-image"
    )
    listed = client.stack.emulator.s3().list_objects_v2(
        Bucket=client.stack.deployment.output_bucket, Prefix="payloads/"
    )
    assert listed["KeyCount"] >= 1
    assert client.wait(answer["id"])["status"] == "completed"


def test_pipeline_has_an_image(client: Any) -> None:
    answer = client.submit(workflow("a dog"), runtime="comfy", tasktype="pipeline")
    task = client.wait(answer["id"])
    assert task["status"] == "completed", task
    assert image_size(client, task) == (64, 48)


def test_v1alpha1_is_routed_by_its_checkpoint(client: Any) -> None:
    task_id = f"v1-{uuid.uuid4().hex[:8]}"
    body = {
        "prompt": "a bird",
        "width": 64,
        "height": 64,
        "alwayson_scripts": {
            "task": "text-to-image",
            "id_task": task_id,
            "sd_model_checkpoint": "v1-5-pruned-emaonly.safetensors",
            "uid": "456",
            "save_dir": "outputs",
        },
    }
    status, answer = client.request("POST", "v1alpha1", body=json.dumps(body).encode())
    assert status == 200
    assert answer["id_task"] == task_id
    assert answer["sd_model_checkpoint"] == "v1-5-pruned-emaonly.safetensors"
    assert answer["output_location"].endswith(f"/outputs/{task_id}/")
    task = client.wait(task_id)
    assert (task["status"], task["context"]) == ("completed", {"uid": "456"})


def test_a_failure_has_the_message_of_the_runtime(client: Any) -> None:
    answer = client.submit({"prompt": "x", "alwayson_scripts": {"nonesuch": {"args": []}}})
    task = client.wait(answer["id"])
    assert task["status"] == "failed"
    assert task["error"]["code"] == "runtime_error"
    assert "always on script nonesuch not found" in task["error"]["message"]
    (callback,) = client.until(lambda: client.callbacks_of(answer["id"]))
    assert callback["error"] == task["error"]


def test_a_message_published_directly_to_the_topic_is_run_once(client: Any) -> None:
    task_id = f"direct ü/{uuid.uuid4().hex[:8]}"
    message = {"metadata": {"id": task_id, "tasktype": "text-to-image"}, "content": {"prompt": "direct", "width": 64}}
    topic = next(
        value
        for name, value in client.stack.deployment.resources.items()
        if name.startswith("TaskBusInputTopic") and value.startswith("arn:")
    )
    client.stack.emulator.sns().publish(
        TopicArn=topic,
        Message=json.dumps(message),
        MessageAttributes={"runtime": {"DataType": "String", "StringValue": "sd"}},
    )
    (callback,) = client.until(lambda: client.callbacks_of(task_id))
    assert (callback["status"], callback["runtime"]) == ("completed", "sd")


def test_a_message_that_no_agent_can_decode_is_quarantined(client: Any) -> None:
    queue_url = client.stack.deployment.runtimes["sd"].queue_url
    client.stack.emulator.sqs().send_message(QueueUrl=queue_url, MessageBody="no JSON at all")
    bucket = client.stack.deployment.output_bucket

    def quarantined() -> list[str]:
        listed = client.stack.emulator.s3().list_objects_v2(Bucket=bucket, Prefix="parked/").get("Contents", [])
        return [one["Key"] for one in listed]

    (key,) = client.until(quarantined)
    assert client.stack.emulator.s3().get_object(Bucket=bucket, Key=key)["Body"].read() == b"no JSON at all"
    client.until(lambda: is_empty(client, queue_url))


def test_a_task_of_a_killed_agent_and_runtime_is_finished_once_after_its_lease(client: Any) -> None:
    stack = client.stack
    prompt = f"killed {uuid.uuid4().hex[:8]}"
    # Slow enough to be killed in the middle: the duration of the fake depends on the steps.
    answer = client.submit({"prompt": prompt, "width": 64, "height": 64})

    def is_started() -> bool:
        return any(entry["id"] == prompt and entry["event"] == "begin" for entry in client.journal("sd"))

    client.until(is_started)
    stack.agents["sd"].kill()
    stack.runtimes["sd"].kill()
    killed_at = time.time()
    assert client.request("GET", f"v1alpha2/tasks/{answer['id']}")[1]["status"] == "running"

    stack.runtimes["sd"].start()
    stack.wait_for_runtime("sd")
    stack.agents["sd"].start()
    task = client.wait(answer["id"])

    assert (task["status"], task["attempts"]) == ("completed", 2)
    begins = [entry["at"] for entry in client.journal("sd") if entry["id"] == prompt and entry["event"] == "begin"]
    assert len(begins) == 2
    # Lease of 4 s, renewed at most one heartbeat before the kill, plus 1 s of clock error.
    assert begins[1] - killed_at > 4 - 0.5
    client.until(lambda: client.callbacks_of(answer["id"]))
    client.until(lambda: is_empty(client, stack.deployment.runtimes["sd"].queue_url))
    (callback,) = client.callbacks_of(answer["id"])
    assert callback["status"] == "completed"


def test_an_idle_agent_stops_when_it_receives_sigterm(client: Any) -> None:
    agent = client.stack.agents["comfy"]
    assert agent.stop(timeout_s=10) == 0
    agent.start()
    answer = client.submit(workflow("after the restart"), runtime="comfy", tasktype="pipeline")
    assert client.wait(answer["id"])["status"] == "completed"


def test_an_agent_finishes_its_task_before_it_stops(client: Any) -> None:
    prompt = f"stopping {uuid.uuid4().hex[:8]}"
    answer = client.submit({"prompt": prompt, "width": 64, "height": 64})
    client.until(lambda: any(entry["id"] == prompt for entry in client.journal("sd")))
    agent = client.stack.agents["sd"]
    assert agent.stop(timeout_s=10) == 0
    task = client.request("GET", f"v1alpha2/tasks/{answer['id']}")[1]
    agent.start()
    assert (task["status"], task["attempts"]) == ("completed", 1)


def test_an_agent_can_only_use_its_own_queue(client: Any) -> None:
    emulator, deployment = client.stack.emulator, client.stack.deployment
    role = deployment.runtimes["sd"].role_arn
    granted = emulator.sts().assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    sqs = emulator.client(
        "sqs",
        aws_access_key_id=granted["AccessKeyId"],
        aws_secret_access_key=granted["SecretAccessKey"],
        aws_session_token=granted["SessionToken"],
    )
    sqs.receive_message(QueueUrl=deployment.runtimes["sd"].queue_url, VisibilityTimeout=0)
    with pytest.raises(ClientError, match="AccessDenied"):
        sqs.receive_message(QueueUrl=deployment.runtimes["comfy"].queue_url)
