"""During a deployment, agents of two builds run each other's tasks: each task ends as it would with one build.

The agent of an earlier commit works on what today's task API submits, today's agent on what the earlier code wrote, and
each finishes what the other one had to return. Real processes of both, on real HTTP.
"""

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import pytest

from previous_build import PreviousBuildMissingError, extract_previous_build
from sd_on_eks.task_api.handler.entry_point import entry_point
from sd_on_eks.task_api.handler.settings import Settings
from task_record import table
from task_record.callback import callback_of
from task_record.protocol_times import ProtocolTimes
from task_record.status import Status
from task_record.table import Item
from tests.fakes.careful_aws import BUCKET, TABLE, CarefulAws
from tests.fakes.stand_in_runtime.application import RuntimeType
from tests.fakes.stand_in_runtime.bench import SMALL, workflow
from tests.integration.agent_pods import NAMES, TODAY, Pods, exit_status, running_pods, wait_for
from tests.unit.task_api.conftest import ENVIRONMENT, RUNTIMES, Api, table_of

Build = Literal["previous", "today"]

LARGE: Final = {**SMALL, "negative_prompt": "x" * 250_000}
WITH_INPUT: Final = workflow(further={"1": {"class_type": "LoadImage", "inputs": {"image": "in.png"}}})
UPLOAD: Final = "uploads/key1/01JDM6ZC5V8Q4W2N7R3T9X1Y0Z"
FURTHER: Final[dict[RuntimeType, dict[str, Any]]] = {
    "sdwebui": {"prefix": "a/b", "context": {"user": 1.5}},
    "comfyui": {"prefix": "a/b", "context": {"user": 1.5}, "inputs": {"in.png": f"s3://{BUCKET}/{UPLOAD}"}},
}
PNG: Final = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="
)
SUBMIT: Final = Path(__file__).with_name("submit_as_build.py")


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[Build, Sequence[Path]]:
    """Source roots of both builds."""
    try:
        return {"previous": extract_previous_build(tmp_path_factory.mktemp("previous")), "today": TODAY}
    except PreviousBuildMissingError as error:
        pytest.skip(str(error))


@pytest.fixture
async def pods(tmp_path: Path) -> AsyncIterator[Pods]:
    async with running_pods(tmp_path) as running:
        yield running


def api_on(aws: CarefulAws) -> Api:
    """The current task API with these services."""
    api = Api(aws.clients["dynamodb"], aws.clients["s3"], [])
    api.handler = entry_point(
        Settings.from_environment(
            ENVIRONMENT | {"TASK_TABLE_NAME": TABLE, "OUTPUT_BUCKET_NAME": BUCKET}, table_of(RUNTIMES)
        ),
        dynamodb=lambda: api.dynamodb,
        s3=lambda: api.s3,
        now_ms=api.now_ms,
    )
    return api


def submit_today(aws: CarefulAws, runtime_type: RuntimeType) -> None:
    """Submit with the current task API: with all optional keys, without them, and with an offloaded body."""
    api, runtime = api_on(aws), NAMES[runtime_type]
    tasktype, contents = tasks_of(runtime_type)
    # An agent ends expired tasks by its own clock; nothing takes so long here.
    expires_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 600))
    for number, content in enumerate(contents):
        further = {**FURTHER[runtime_type], "expires_at": expires_at} if number == 0 else {}
        metadata = {"id": f"t{number}", "runtime": runtime, "tasktype": tasktype, **further}
        status, answer, _ = api.post(metadata, content)
        assert status == 200, answer
    for item in aws.items():
        if str(item[table.SK]).startswith(table.BODY_SK_PREFIX):
            aws.send(str(item[table.MESSAGE]))
    assert any("content_ref" in str(item.get(table.MESSAGE)) for item in aws.items()) == (LARGE in contents)


def submit_as_before(aws: CarefulAws, runtime_type: RuntimeType, sources: Sequence[Path]) -> None:
    """Submit the same tasks with the code of a build."""
    tasktype, contents = tasks_of(runtime_type)
    tasks: list[dict[str, Any]] = []
    for number, content in enumerate(contents):
        fields = {"id": f"t{number}", "runtime": NAMES[runtime_type], "tasktype": tasktype, "owner": "key1"}
        fields["submission"] = f"01J{number:023}"
        if content is LARGE:
            stored = aws.clients["s3"].put_object(Bucket=BUCKET, Key="payloads/x", Body=json.dumps({"a": LARGE}))
            payload = {"url": f"s3://{BUCKET}/payloads/x", "etag": stored["ETag"], "pointer": "/a"}
            tasks.append({**fields, "payload": payload})
        else:
            tasks.append({**fields, "content": content, **(FURTHER[runtime_type] if number == 0 else {})})
    environment = {"PATH": os.environ.get("PATH", os.defpath), "PYTHONPATH": os.pathsep.join(map(str, sources))}
    rendered = subprocess.run(  # noqa: S603 (a file of this folder)
        [sys.executable, str(SUBMIT)],
        input=json.dumps(tasks),
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    for one in json.loads(rendered.stdout):
        aws.clients["dynamodb"].transact_write_items(**one["transaction"])
        aws.send(one["message"])


def tasks_of(runtime_type: RuntimeType) -> tuple[str, list[dict[str, Any]]]:
    """Task type and contents; the first one has all optional keys."""
    return ("pipeline", [WITH_INPUT]) if runtime_type == "comfyui" else ("text-to-image", [SMALL, LARGE])


def send_without_submission(aws: CarefulAws, runtime_type: RuntimeType) -> None:
    """Send a message directly to the topic, as a caller can without the task API."""
    metadata = {"id": "straight", "runtime": NAMES[runtime_type]}
    content = workflow() if runtime_type == "comfyui" else SMALL
    aws.send(json.dumps({"task": {"metadata": metadata, "content": content}}))


def records(aws: CarefulAws) -> dict[str, Item]:
    """Records by the ids of their tasks."""
    found = [item for item in aws.items() if str(item[table.SK]).startswith(table.META_SK_PREFIX)]
    return {str(item[table.ID]): item for item in found}


async def completed(aws: CarefulAws, count: int) -> dict[str, dict[str, Any]]:
    """Wait until a number of tasks have completed, each with one attempt and one callback; returns the callbacks."""
    await wait_for(lambda: len(aws.ends()) >= count and aws.messages() == 0)
    assert {record[table.STATUS] for record in records(aws).values()} == {Status.COMPLETED}
    assert {record[table.ATTEMPTS] for record in records(aws).values()} == {1}
    callbacks = [json.loads(callback_of(image, BUCKET).body) for image in aws.ends()]
    assert len(callbacks) == count
    for callback in callbacks:
        for url in (*callback["image_url"], callback["output_url"]):
            assert aws.clients["s3"].head_object(Bucket=BUCKET, Key=url.removeprefix(f"s3://{BUCKET}/"))
        assert len(callback["image_url"]) == 1
    return {callback["id"]: callback for callback in callbacks}


@pytest.mark.parametrize(
    ("build", "runtime_type"),
    [
        ("previous", "sdwebui"),
        pytest.param("previous", "comfyui", marks=pytest.mark.soak),
        ("today", "sdwebui"),
        pytest.param("today", "comfyui", marks=pytest.mark.soak),
    ],
)
async def test_each_build_completes_what_the_other_one_submitted(
    pods: Pods, sources: dict[Build, Sequence[Path]], build: Build, runtime_type: RuntimeType
) -> None:
    pods.aws.clients["s3"].put_object(Bucket=BUCKET, Key=UPLOAD, Body=PNG, ContentType="image/png")
    if build == "previous":
        submit_today(pods.aws, runtime_type)
    else:
        submit_as_before(pods.aws, runtime_type, sources["previous"])
    send_without_submission(pods.aws, runtime_type)
    # No lease must expire here: with its usual duration, a busy machine causes no second attempt.
    times = ProtocolTimes().environment()
    await pods.start(runtime_type=runtime_type, inference_s=0, sources=sources[build], environment=times)
    callbacks = await completed(pods.aws, len(tasks_of(runtime_type)[1]) + 1)
    assert callbacks["t0"]["context"] == FURTHER[runtime_type]["context"]
    assert callbacks["t0"]["image_url"][0].startswith(f"s3://{BUCKET}/a/b/t0/")
    status, shown, _ = api_on(pods.aws).send("GET", "/v1alpha2/tasks/t0")
    assert (status, shown["status"], bool(shown["results"])) == (200, "completed", True)


@pytest.mark.soak
@pytest.mark.parametrize(("first", "second"), [("previous", "today"), ("today", "previous")])
async def test_each_build_finishes_what_the_other_one_returned(
    pods: Pods, sources: dict[Build, Sequence[Path]], first: Build, second: Build
) -> None:
    agent = await pods.start(inference_s=300, spot_allowed=True, sources=sources[first])
    await pods.bring_to("inferring")
    agent.terminate()
    assert await exit_status(agent) == 0
    assert pods.aws.record()[table.STATUS] == Status.QUEUED
    await pods.start(inference_s=0, sources=sources[second])
    await completed(pods.aws, 1)
    assert pods.events() == ["begin", "interrupted", "begin", "end"]


@pytest.mark.soak
@pytest.mark.parametrize(("first", "second"), [("previous", "today"), ("today", "previous")])
async def test_each_build_takes_over_from_the_other_one_when_that_dies(
    pods: Pods, sources: dict[Build, Sequence[Path]], first: Build, second: Build
) -> None:
    agent = await pods.start(inference_s=300, sources=sources[first])
    await pods.bring_to("inferring")
    agent.kill()
    await pods.start(inference_s=0, sources=sources[second])
    await wait_for(lambda: bool(pods.aws.ends()) and pods.aws.messages() == 0)
    record = pods.aws.record()
    assert (record[table.STATUS], record[table.ATTEMPTS], len(pods.aws.ends())) == (Status.COMPLETED, 2, 1)
