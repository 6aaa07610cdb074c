"""docs/migration.md: compatibility with programs that were written for the existing solution."""

import json
import os
import re
import shutil
import subprocess
import uuid
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.aws_cli import aws_cli

PAGE = (Path(__file__).parents[2] / "docs" / "migration.md").read_text("utf-8")

pytestmark = pytest.mark.xdist_group("local_stack")


def test_a_documented_request_of_v1alpha2_has_the_documented_response_and_callback(client: Any) -> None:
    task_id = f"test-t2i-{uuid.uuid4().hex[:8]}"
    metadata: dict[str, Any] = {"id": task_id, "runtime": "sd", "tasktype": "text-to-image", "prefix": "output/"}
    metadata |= {"context": {"abc": 123}}
    content = {"alwayson_scripts": {}, "prompt": "A dog", "steps": 16, "width": 512, "height": 512}
    body = json.dumps({"task": {"metadata": metadata, "content": content}}).encode()
    status, answer = client.request("POST", "v1alpha2", body=body)
    assert (status, answer["id_task"], answer["runtime"]) == (200, task_id, "sd")
    assert re.fullmatch(rf"s3://[^/]+/output/{task_id}/", answer["output_location"])
    client.wait(task_id)
    (callback,) = client.until(lambda: client.callbacks_of(task_id))
    assert (callback["id"], callback["runtime"], callback["status"]) == (task_id, "sd", "completed")
    assert callback["context"] == {"abc": 123}
    assert isinstance(callback["result"], dict)
    (image,) = callback["image_url"]
    assert re.fullmatch(rf"{answer['output_location']}{task_id}-[0-9a-f]{{4}}-0\.png", image)
    assert callback["output_url"] == image.replace("-0.png", ".out")


def test_a_documented_request_of_v1alpha1_has_the_documented_response(client: Any) -> None:
    task_id = f"test-t2i-{uuid.uuid4().hex[:8]}"
    routing = {
        "task": "text-to-image",
        "sd_model_checkpoint": "v1-5-pruned-emaonly.safetensors",
        "id_task": task_id,
        "save_dir": "outputs",
    }
    body = json.dumps({"alwayson_scripts": routing, "prompt": "A dog", "steps": 16, "width": 512, "height": 512})
    status, answer = client.request("POST", "v1alpha1", body=body.encode())
    assert (status, answer["id_task"], answer["sd_model_checkpoint"]) == (200, task_id, routing["sd_model_checkpoint"])
    assert re.fullmatch(rf"s3://[^/]+/outputs/{task_id}/", answer["output_location"])
    client.wait(task_id)


@pytest.mark.parametrize(
    ("path", "change", "expected"),
    [
        ("v1alpha2", {}, (200, None)),
        ("v1alpha2", {"id": "_begins-with-a-dash"}, (400, "task.metadata.id")),
        ("v1alpha2", {"prefix": "/output"}, (400, "task.metadata.prefix")),
        ("v1alpha2", {"runtime": "unknown"}, (404, "task.metadata.runtime")),
    ],
)
def test_a_documented_difference_has_the_documented_response(
    client: Any, path: str, change: dict[str, str], expected: tuple[int, str | None]
) -> None:
    metadata = {"id": f"t-{uuid.uuid4().hex[:8]}", "runtime": "sd", "tasktype": "text-to-image", **change}
    body = json.dumps({"task": {"metadata": metadata, "content": {"prompt": "x"}}}).encode()
    status, answer = client.request("POST", path, body=body)
    assert (status, answer.get("error", {}).get("field")) == expected
    if status == HTTPStatus.OK:
        client.wait(metadata["id"])  # otherwise it would be queued before the tasks of the next test


def test_outputs_have_the_documented_names(client: Any) -> None:
    assert {"FrontApiEndpoint", "GetAPIKeyCommand", "sdNotificationOutputArn"} <= client.stack.deployment.outputs.keys()
    assert "sdNotificationLambdaARN" not in client.stack.deployment.outputs


def test_an_invalid_key_and_another_media_type_have_the_documented_responses(client: Any) -> None:
    status, answer = client.request("POST", "v1alpha2", body=b"{}", headers={"x-api-key": "wrong"})
    assert (status, answer["error"]["code"]) == (401, "unauthorized")
    assert client.request("POST", "v1alpha2", body=b"{}", headers={"content-type": "text/plain"})[0] == 415


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash on this machine")
def test_the_command_shows_the_input_topic(client: Any, tmp_path: Path) -> None:
    (command,) = re.findall(r"```bash\n(aws cloudformation describe-stack-resources .*?)\n```", PAGE, re.DOTALL)
    emulator = client.stack.emulator

    def make_client(service: str) -> Any:
        return emulator.client(service)

    with aws_cli(tmp_path, make_client):
        done = subprocess.run(  # noqa: S603 (a command of our page)
            ["bash", "-c", command],  # noqa: S607 (the user's own)
            env={
                "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
                "STACK_NAME": client.stack.deployment.stack_name,
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    arn = done.stdout.strip()
    topics = [one["TopicArn"] for one in emulator.sns().list_topics()["Topics"]]
    assert [one for one in topics if "TaskBusInputTopic" in one] == [arn]
