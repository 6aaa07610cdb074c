"""From the caller's words to the checkpoint on the GPU: the task API's handler, the message, the agent, a server.

Every way of naming in both versions of the API, on every kind of runtime, after other tasks, on both flavours of the
SD Web UI. Either what was asked for runs, or the task ends with a code before it reaches the GPU.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from types import SimpleNamespace
from typing import Any

import pytest

from queue_agent.errors import BadTaskError
from sd_on_eks.task_api.handler.entry_point import LambdaHandler, entry_point
from sd_on_eks.task_api.handler.runtimes import Runtime, Runtimes
from sd_on_eks.task_api.handler.settings import Settings
from task_record.attribute_values import from_attribute_values
from task_record.message import TaskMessage, decode_message
from tests.fakes.stand_in_runtime.bench import SMALL, Bench, bench, workflow
from tests.fakes.stand_in_runtime.sdwebui_models import Flavour

OWN, OTHER, GGUF = "sd15/own.safetensors", "sdxl/other [v2].safetensors", "flux.gguf"
FILES = (OWN, "sdxl/other [v1].safetensors", OTHER, "a/twin.ckpt", "b/twin.ckpt", GGUF, "Lora/own.safetensors")

KINDS = {
    "fixed": Runtime(name="r", type="sdwebui", model_filename=OWN),
    "fixed and dynamic": Runtime(name="r", type="sdwebui", model_filename=OWN, dynamic_model=True),
    "dynamic": Runtime(name="r", type="sdwebui", dynamic_model=True),
    "comfyui": Runtime(name="r", type="comfyui"),
}
WORDS = {
    None: OWN,
    OWN: OWN,
    "own": OWN,
    "own.safetensors": OWN,
    f"{OWN} [31e35c80fc]": OWN,
    OTHER: OTHER,
    "other [v2]": OTHER,
    "sdxl\\other [v2].safetensors [31e35c80fc]": OTHER,
    GGUF: GGUF,
    "flux": GGUF,
    "b/twin.ckpt": "b/twin.ckpt",
    "twin": "ambiguous_checkpoint",
    "nonesuch.ckpt": "unknown_checkpoint",
    "Lora/own.safetensors": "unknown_checkpoint",
}
"""Names of checkpoints of callers -> the checkpoint that runs on a dynamic runtime, or the error of the task."""

PLACES = {
    "v1alpha1": ("alwayson_scripts",),
    "v1alpha1, settings in scripts": ("alwayson_scripts", "override_settings"),
    "v1alpha2": ("override_settings",),
    "v1alpha2, in scripts": ("alwayson_scripts",),
    "v1alpha2, settings in scripts": ("alwayson_scripts", "override_settings"),
}


def expected(kind: str, version: str, words: str | None) -> str | None:
    """The file that runs, or the error code of the response or of the task; `None` if no checkpoint is used."""
    if kind == "comfyui":
        return "unknown_checkpoint" if version == "v1alpha1" else None
    if kind == "dynamic" and words is None:
        return "checkpoint_required"
    if kind == "fixed" and WORDS[words] != OWN:
        return "unknown_checkpoint" if version == "v1alpha1" else "invalid_request"
    return WORDS[words]


class Store:
    """DynamoDB that stores the last message."""

    message: TaskMessage

    def transact_write_items(self, **transaction: Any) -> dict[str, Any]:
        body = from_attribute_values(transaction["TransactItems"][1]["Put"]["Item"])
        self.message = decode_message(str(body["message"]))
        return {}


class Api:
    """The task API of a deployment with one runtime."""

    def __init__(self, runtime: Runtime) -> None:
        environment = {"TASK_TABLE_NAME": "t", "OUTPUT_BUCKET_NAME": "b", "TENANT_ISOLATION": "true", "TENANTS": "{}"}
        times = {"MAX_TASK_AGE_S": "3600", "RECORD_TTL_S": "2592000"}
        self.runtime, self.store = runtime, Store()
        store: Any = self.store
        settings = Settings.from_environment(environment | times, Runtimes([runtime]))
        self.handler: LambdaHandler = entry_point(settings, dynamodb=lambda: store, s3=lambda: store)

    def submit(self, place: str, words: str | None) -> TaskMessage | str:
        """The message of a task with this checkpoint, or the error code of the response."""
        version, _, _ = place.partition(",")
        tasktype = "pipeline" if self.runtime.type == "comfyui" else "text-to-image"
        content: dict[str, Any] = workflow() if tasktype == "pipeline" and version == "v1alpha2" else dict(SMALL)
        if version == "v1alpha1":
            content["alwayson_scripts"] = {"task": "text-to-image", "id_task": "t", "sd_model_checkpoint": words}
        if words is not None and tasktype != "pipeline":
            inner = content
            for key in PLACES[place]:
                inner = inner.setdefault(key, {})
            inner["sd_model_checkpoint"] = words
        metadata = {"id": "t", "runtime": "r", "tasktype": tasktype}
        body = content if version == "v1alpha1" else {"task": {"metadata": metadata, "content": content}}
        event = {
            "httpMethod": "POST",
            "resource": f"/{version}",
            "headers": {"Content-Type": "application/json"},
            "requestContext": {"requestId": "r", "identity": {"apiKeyId": "k"}},
            "body": json.dumps(body),
        }
        context: Any = SimpleNamespace(
            function_name="f", memory_limit_in_mb=1, invoked_function_arn="a", aws_request_id="a"
        )
        answer = json.loads(self.handler(event, context)["body"])
        return str(answer["error"]["code"]) if "error" in answer else self.store.message


def submits(kind: str) -> Iterator[tuple[str, TaskMessage | str, str | None]]:
    """Each way to name a checkpoint, the message or error of the API, and the expected result."""
    api = Api(KINDS[kind])
    for place, words in product(PLACES, WORDS):
        version, _, _ = place.partition(",")
        if version == "v1alpha1" and words is None:
            continue
        yield f"{place}: {words}", api.submit(place, words), expected(kind, version, words)


async def outcome(one: Bench, message: TaskMessage, *, inferences: int) -> str:
    """The file that ran on the GPU, or the error code of a task that did not run.

    Args:
        one: the runtime.
        message: the task.
        inferences: how many the server has done before.
    """
    try:
        result = await one.run(message.content, message.tasktype, checkpoint=message.checkpoint)
    except BadTaskError as error:
        assert (await one.journal()).count("begin") == inferences
        return error.code
    options = await one.get("/sdapi/v1/options")
    assert options["sd_model_checkpoint"].startswith(str(result.summary["checkpoint"]))
    return str(result.summary["checkpoint"])


@pytest.mark.parametrize("kind", KINDS)
def test_a_checkpoint_that_the_api_can_reject_is_rejected_at_submit(kind: str) -> None:
    of_the_agent = {"ambiguous_checkpoint"} | (set() if kind == "fixed" else {"unknown_checkpoint"})
    for how, made, wanted in submits(kind):
        if isinstance(made, str):
            assert (how, made) == (how, wanted)
        elif wanted not in of_the_agent:
            assert (how, made.checkpoint is None) == (how, wanted is None)


def messages(kind: str, *, every: bool) -> Iterator[tuple[str, TaskMessage, str | None]]:
    """Each accepted task, and the same as the previous version of the API sends it, for which the agent decides.

    Args:
        kind: of the runtime.
        every: all of them; else one for each decision, and of the undecided ones those of one place.
    """
    seen = set()
    for how, message, becomes in submits(kind):
        if isinstance(message, str):
            continue
        for sent in (message, replace(message, checkpoint=None)):
            is_new = sent.checkpoint not in seen if sent.checkpoint else how.startswith("v1alpha2: ")
            seen.add(sent.checkpoint)
            if every or is_new:
                yield f"{how}, decided: {sent.checkpoint}", sent, becomes


async def check_what_runs(kind: str, flavour: Flavour, *, every: bool) -> None:
    """Send all to one server; each follows a task with another checkpoint, in the long form both."""
    runtime = KINDS[kind]
    ran: str | None = None
    inferences = 0
    async with bench(
        "sdwebui", flavour=flavour, models=FILES, own=runtime.model_filename, dynamic=runtime.dynamic_model
    ) as one:
        assert await one.runtime.is_ready()
        for how, message, becomes in messages(kind, every=every):
            another = (OWN if becomes == OTHER else OTHER,) if ran in {None, becomes} else ()
            for before in (OTHER, OWN) if every else another:
                ran = str((await one.run(SMALL, checkpoint=before)).summary["checkpoint"])
                inferences += 1
            ended = await outcome(one, message, inferences=inferences)
            assert (how, ran, ended) == (how, ran, becomes)
            if ended in FILES:
                ran, inferences = ended, inferences + 1


WEB_UIS = [kind for kind, runtime in KINDS.items() if runtime.type == "sdwebui"]


@pytest.mark.asyncio
@pytest.mark.parametrize("flavour", ["a1111", "forge"])
@pytest.mark.parametrize("kind", WEB_UIS)
async def test_what_was_asked_for_runs_or_nothing_does(kind: str, flavour: Flavour) -> None:
    await check_what_runs(kind, flavour, every=False)


@pytest.mark.soak
@pytest.mark.asyncio
@pytest.mark.parametrize("flavour", ["a1111", "forge"])
@pytest.mark.parametrize("kind", WEB_UIS)
async def test_what_was_asked_for_runs_in_every_order(kind: str, flavour: Flavour) -> None:
    await check_what_runs(kind, flavour, every=True)
