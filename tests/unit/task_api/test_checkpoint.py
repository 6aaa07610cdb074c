"""Which checkpoint and runtime a submit selects in both versions of the API, or which error it returns."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from task_record import table
from task_record.attribute_values import from_attribute_values
from task_record.message import TaskMessage, decode_message

FIXED = {"name": "fixed", "type": "sdwebui", "model_filename": "sd15/base.safetensors"}
OTHER = {"name": "other", "type": "sdwebui", "model_filename": "sdxl/base.safetensors"}
BOTH = {"name": "both", "type": "sdwebui", "model_filename": "sdxl/own.safetensors", "dynamic_model": True}
DYNAMIC = {"name": "dynamic", "type": "sdwebui", "dynamic_model": True}
COMFY = {"name": "comfy", "type": "comfyui"}
RUNTIMES = [FIXED, OTHER, BOTH, DYNAMIC, COMFY]
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="
EXTRA = {"image": PIXEL}


def v1alpha1(checkpoint: str, content: dict[str, Any] | None = None, **scripts: Any) -> tuple[str, dict[str, Any]]:
    routing = {"task": "text-to-image", "id_task": "t1", "sd_model_checkpoint": checkpoint}
    return "/v1alpha1", {"prompt": "x", **(content or {}), "alwayson_scripts": routing | scripts}


def v1alpha2(
    runtime: str, content: dict[str, Any] | None = None, tasktype: str = "text-to-image"
) -> tuple[str, dict[str, Any]]:
    metadata = {"id": "t1", "runtime": runtime, "tasktype": tasktype}
    return "/v1alpha2", {"task": {"metadata": metadata, "content": {"prompt": "x"} if content is None else content}}


def named(checkpoint: str) -> dict[str, Any]:
    return {"prompt": "x", "override_settings": {"sd_model_checkpoint": checkpoint}}


def in_scripts(checkpoint: str) -> dict[str, Any]:
    return {"prompt": "x", "alwayson_scripts": {"sd_model_checkpoint": checkpoint}}


class Store:
    """DynamoDB that stores the last task."""

    task: list[table.Item]

    def transact_write_items(self, **transaction: Any) -> dict[str, Any]:
        self.task = [from_attribute_values(one["Put"]["Item"]) for one in transaction["TransactItems"]]
        return {}


Submit = Callable[..., TaskMessage | dict[str, Any]]


@pytest.fixture
def submit(outside_aws: Any) -> Submit:
    """Submits a task; returns its message, which has the same values as its record, or the error and its status."""

    def submit(sent: tuple[str, dict[str, Any]], runtimes: Any = RUNTIMES) -> TaskMessage | dict[str, Any]:
        store = Store()
        status, answer, _ = outside_aws(dynamodb=store, s3=None, runtimes=runtimes).send(
            "POST", sent[0], json.dumps(sent[1])
        )
        if status != 200:
            assert not hasattr(store, "task")
            return {"status": status, **answer["error"]}
        record, body = store.task
        message = decode_message(str(body[table.MESSAGE]))
        assert record.get(table.CHECKPOINT) == message.checkpoint
        return message

    return submit


ACCEPTED = {
    "v1alpha1, whole path": (v1alpha1("sdxl/base.safetensors"), "other", "sdxl/base.safetensors"),
    "v1alpha1, title": (v1alpha1("sdxl/base.safetensors [31e35c80fc]"), "other", "sdxl/base.safetensors"),
    "v1alpha1, backslash": (v1alpha1("sdxl\\base.safetensors"), "other", "sdxl/base.safetensors"),
    "v1alpha1, path without suffix": (v1alpha1("sdxl/base"), "other", "sdxl/base.safetensors"),
    "v1alpha1, plain name of a dynamic one's own": (v1alpha1("own.safetensors"), "both", "own.safetensors"),
    "v1alpha1, a checkpoint of none": (v1alpha1("new.ckpt"), "both", "new.ckpt"),
    "v1alpha1, another folder": (v1alpha1("new/base.safetensors"), "both", "new/base.safetensors"),
    "v1alpha1, named twice": (
        v1alpha1("sd15/base", {"override_settings": {"sd_model_checkpoint": "base"}}),
        "fixed",
        "sd15/base.safetensors",
    ),
    "fixed, none": (v1alpha2("fixed"), "fixed", "sd15/base.safetensors"),
    "fixed, its own by plain name": (v1alpha2("fixed", named("base.safetensors")), "fixed", "sd15/base.safetensors"),
    "fixed, its own in scripts": (v1alpha2("fixed", in_scripts("base")), "fixed", "sd15/base.safetensors"),
    "both, none": (v1alpha2("both"), "both", "sdxl/own.safetensors"),
    "both, another": (v1alpha2("both", named("a.ckpt")), "both", "a.ckpt"),
    "both, another in scripts": (v1alpha2("both", in_scripts("a.ckpt")), "both", "a.ckpt"),
    "dynamic, another": (v1alpha2("dynamic", named("a.ckpt")), "dynamic", "a.ckpt"),
    "dynamic, upscaling": (v1alpha2("dynamic", EXTRA, "extra-single-image"), "dynamic", None),
    "fixed, upscaling": (v1alpha2("fixed", EXTRA | named("a.ckpt"), "extra-single-image"), "fixed", None),
    "v1alpha1, upscaling": (v1alpha1("sd15/base", EXTRA, task="extra-single-image"), "fixed", None),
    "comfyui": (v1alpha2("comfy", {"1": {"class_type": "A", "inputs": {}}}, "pipeline"), "comfy", None),
}


@pytest.mark.parametrize(("sent", "runtime", "checkpoint"), ACCEPTED.values(), ids=ACCEPTED)
def test_a_submit_selects_the_checkpoint(submit: Submit, sent: Any, runtime: str, checkpoint: str | None) -> None:
    message = submit(sent)
    assert isinstance(message, TaskMessage), message
    assert (message.runtime, message.checkpoint) == (runtime, checkpoint)


OWN = "override_settings.sd_model_checkpoint"
REFUSED = {
    "fixed, another": (
        v1alpha2("fixed", named("a.ckpt")),
        "invalid_request",
        f"task.content.{OWN}",
        "must be sd15/base",
    ),
    "fixed, another in scripts": (
        v1alpha2("fixed", in_scripts("a.ckpt")),
        "invalid_request",
        "task.content.alwayson_scripts.sd_model_checkpoint",
        "must be sd15/base.safetensors, or left out",
    ),
    "fixed, its name in another folder": (
        v1alpha2("fixed", named("sdxl/base.safetensors")),
        "invalid_request",
        f"task.content.{OWN}",
        "must be sd15/base",
    ),
    "dynamic, none": (v1alpha2("dynamic"), "checkpoint_required", f"task.content.{OWN}", "must name a checkpoint"),
    "both, two": (
        v1alpha2("both", named("a.ckpt") | in_scripts("b.ckpt")),
        "invalid_request",
        "task.content.alwayson_scripts.sd_model_checkpoint",
        "must be the same as override_settings.sd_model_checkpoint, got 'b.ckpt' and 'a.ckpt'",
    ),
    "v1alpha1, two": (
        v1alpha1("a.ckpt", {"override_settings": {"sd_model_checkpoint": "b.ckpt"}}),
        "invalid_request",
        "alwayson_scripts.sd_model_checkpoint",
        "must be the same as",
    ),
    "v1alpha1, two VAEs": (
        v1alpha1("a.ckpt", {"override_settings": {"sd_vae": "a.pt"}}, sd_vae="b.pt"),
        "invalid_request",
        "alwayson_scripts.sd_vae",
        "must be the same as override_settings.sd_vae",
    ),
    "v1alpha1, plain name of two": (
        v1alpha1("base.safetensors"),
        "ambiguous_checkpoint",
        "alwayson_scripts.sd_model_checkpoint",
        "matches sd15/base.safetensors (of fixed) and sdxl/base.safetensors (of other)",
    ),
    "a number": (
        v1alpha2("both", {"override_settings": {"sd_model_checkpoint": 7}}),
        "invalid_request",
        f"task.content.{OWN}",
        "must be the name of a checkpoint",
    ),
    "settings in scripts are none": (
        v1alpha1("a.ckpt", override_settings="x"),
        "invalid_request",
        "alwayson_scripts.override_settings",
        "must be an object of settings",
    ),
}


@pytest.mark.parametrize(("sent", "code", "field", "says"), REFUSED.values(), ids=REFUSED)
def test_fails_when_the_checkpoint_is_ambiguous_or_not_served(
    submit: Submit, sent: Any, code: str, field: str, says: str
) -> None:
    error = submit(sent)
    assert isinstance(error, dict)
    assert (error["status"], error["code"], error["field"]) == (400, code, field)
    assert says in error["message"]


def test_a_plain_name_finds_the_runtime_of_a_checkpoint_in_a_folder(submit: Submit) -> None:
    message = submit(v1alpha1("base.safetensors"), [DYNAMIC, OTHER])
    assert isinstance(message, TaskMessage)
    assert (message.runtime, message.checkpoint) == ("other", "sdxl/base.safetensors")


@pytest.mark.parametrize("version", ["v1alpha1", "v1alpha2"])
def test_settings_of_the_existing_solution_reach_the_server_as_settings(submit: Submit, version: str) -> None:
    settings = {"CLIP_stop_at_last_layers": 2}
    scripts: dict[str, Any] = {"sd_vae": "a.pt", "override_settings": settings, "controlnet": {"args": []}}
    sent = v1alpha1("a.ckpt", **scripts)
    if version == "v1alpha2":
        sent = v1alpha2("both", {"prompt": "x", "alwayson_scripts": scripts | {"sd_model_checkpoint": "a.ckpt"}})
    message = submit(sent)
    assert isinstance(message, TaskMessage)
    assert message.content is not None
    assert message.content["override_settings"] == {
        "CLIP_stop_at_last_layers": 2,
        "sd_vae": "a.pt",
        # For agents of the previous version, which read the checkpoint only here.
        "sd_model_checkpoint": "a.ckpt",
    }
    assert {"sd_vae", "override_settings"}.isdisjoint(message.content["alwayson_scripts"])


def test_a_large_body_whose_settings_were_moved_is_offloaded_with_its_changes(make_api: Any) -> None:
    api = make_api(runtimes=RUNTIMES)
    path, body = v1alpha2("both", in_scripts("a.ckpt") | {"prompt": "x" * 300_000})
    assert api.send("POST", path, json.dumps(body))[0] == 200
    (key,), (stored_message,) = api.objects(), api.records("B#")
    payload = decode_message(str(stored_message[table.MESSAGE])).payload
    assert payload is not None
    assert payload.pointer == ""
    stored = json.loads(api.s3.get_object(Bucket="output", Key=key)["Body"].read())
    assert stored["override_settings"] == {"sd_model_checkpoint": "a.ckpt"}


RETIRED = FIXED | {"retired": True}


@pytest.mark.parametrize(
    ("runtimes", "sent", "field"),
    [
        ([RETIRED, DYNAMIC], v1alpha2("fixed"), "task.metadata.runtime"),
        ([RETIRED, OTHER], v1alpha1("sd15/base.safetensors"), "alwayson_scripts.sd_model_checkpoint"),
        ([DYNAMIC | {"retired": True}, OTHER], v1alpha1("a.ckpt"), "alwayson_scripts.sd_model_checkpoint"),
    ],
)
def test_fails_when_only_a_retired_runtime_serves_the_checkpoint(
    submit: Submit, runtimes: Any, sent: Any, field: str
) -> None:
    error = submit(sent, runtimes)
    assert isinstance(error, dict)
    assert (error["status"], error["code"], error["field"]) == (409, "runtime_retired", field)


@pytest.mark.parametrize("checkpoint", ["sd15/base.safetensors", "base"])
def test_v1alpha1_routes_past_a_retired_runtime(submit: Submit, checkpoint: str) -> None:
    message = submit(v1alpha1(checkpoint), [RETIRED, DYNAMIC])
    assert isinstance(message, TaskMessage)
    assert message.runtime == "dynamic"


def test_a_retired_runtime_still_shows_its_tasks_and_repeats_its_responses(make_api: Any) -> None:
    headers = {"Content-Type": "application/json", "Idempotency-Key": "k"}
    path, body = v1alpha2("fixed")
    first = make_api(runtimes=[FIXED]).send("POST", path, json.dumps(body), headers=headers)
    api = make_api(runtimes=[RETIRED])
    assert api.send("POST", path, json.dumps(body), headers=headers)[:2] == first[:2]
    assert api.send("GET", "/v1alpha2/tasks/t1")[0] == 200
    assert api.send("GET", "/v1alpha2/tasks", query={"runtime": "fixed"})[0] == 200
    assert api.send("POST", "/v1alpha2/tasks/t1/cancel")[0] == 200
