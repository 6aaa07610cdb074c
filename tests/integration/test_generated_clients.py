"""Clients that public generators create from docs/openapi.json compile, send all fields and read all responses."""

import base64
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from task_record import table
from task_record.attribute_values import from_attribute_values

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(__file__).parent / "generated_clients"
GENERATORS = ROOT / ".venv-generators"
NODE = os.environ["JSII_NODE"]

pytestmark = [
    pytest.mark.soak,
    pytest.mark.xdist_group("local_stack"),
    pytest.mark.skipif(not (GENERATORS / ".ready").exists(), reason="`make soak` installs the generators"),
]

CLIENTS = pytest.mark.parametrize("name", ["python_client", "openapi_fetch", "hey_api"])
Run = Callable[[str, str], Any]

CONTENT = {
    "prompt": "a cat",
    "negative_prompt": "blurry",
    "steps": 20,
    "width": 64,
    "height": 48,
    "seed": 2**63 - 25,
    "override_settings": {"CLIP_stop_at_last_layers": 2},
    "script_args": [1, "two"],
    "alwayson_scripts": {"ADetailer": {"args": [True, {"ad_model": "face_yolov8n.pt"}]}},
    "send_images": True,
    "an_extensions_field": {"of": ["any", "kind"]},
}
CONTEXT = {"user": "ann", "tags": [1, 2.5, None]}
WORKFLOW = {
    "1": {"class_type": "LoadImage", "inputs": {"image": "portrait.png"}, "_meta": {"title": "Load"}},
    "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "x", "images": ["1", 0]}},
}


def image() -> str:
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((64, 64)).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


IMAGE = image()


@pytest.fixture(scope="module")
def execute() -> Callable[..., str]:
    """Runs a command in a folder and returns what it prints."""

    def run(folder: Path, *command: str | Path, **environment: str) -> str:
        path = os.pathsep.join([str(GENERATORS / "bin"), str(Path(NODE).parent), os.environ["PATH"]])
        done = subprocess.run(  # noqa: S603 (pinned generators and constant programs)
            [str(word) for word in command],
            cwd=folder,
            env={"PATH": path, "HOME": str(folder), **environment},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="module")
def clients(execute: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs, with the generated clients."""
    folder = tmp_path_factory.mktemp("clients") / "clients"
    shutil.copytree(PROGRAMS, folder, ignore=shutil.ignore_patterns("node_modules"))
    (folder / "node_modules").symlink_to(GENERATORS / "node_modules")
    shutil.copyfile(ROOT / "docs" / "openapi.json", folder / "openapi.json")
    packages = folder / "node_modules"
    document = ("openapi.json", "-o", "openapi_fetch_client/schema.ts")
    execute(folder, NODE, packages / "openapi-typescript" / "bin" / "cli.js", *document)
    execute(folder, NODE, packages / "@hey-api" / "openapi-ts" / "bin" / "run.js", "-f", "hey_api.config.mjs")
    execute(
        folder,
        *("openapi-python-client", "generate", "--path", "openapi.json", "--fail-on-warning", "--meta", "none"),
        *("--output-path", "task_api_client", "--config", "python_client.yaml"),
    )
    return folder


@pytest.fixture(scope="module")
def compiled(clients: Path, execute: Callable[..., str]) -> Path:
    """The programs, with JavaScript compiled from TypeScript."""
    execute(clients, NODE, clients / "node_modules" / "typescript" / "bin" / "tsc", "--project", ".")
    return clients


@pytest.fixture(scope="module")
def run(client: Any, compiled: Path, execute: Callable[..., str]) -> Run:
    """Runs a step of a client's program and returns its result."""
    commands: dict[str, list[str | Path]] = {
        "python_client": [GENERATORS / "bin" / "python", "python_client.py"],
        "openapi_fetch": [NODE, "dist/openapi_fetch.js"],
        "hey_api": [NODE, "dist/hey_api.js"],
    }
    authority = str(client.stack.emulator.ca_bundle)

    def run_program(name: str, step: str) -> Any:
        printed = execute(
            compiled,
            *commands[name],
            step,
            ENDPOINT=client.stack.deployment.endpoint_url,
            API_KEY=client.key,
            IMAGE=IMAGE,
            WORKFLOW=json.dumps(WORKFLOW),
            PREFIX=f"{name.replace('_', '-')}-{step}-",
            SSL_CERT_FILE=authority,
            NODE_EXTRA_CA_CERTS=authority,
        )
        return json.loads(printed)

    return run_program


@pytest.fixture(scope="module")
def outcome(run: Run) -> Callable[[str], dict[str, Any]]:
    """The result of the step `run` of a client."""
    found: dict[str, dict[str, Any]] = {}

    def of(name: str) -> dict[str, Any]:
        if name not in found:
            found[name] = run(name, "run")
        return found[name]

    return of


def sent(client: Any, task: dict[str, Any]) -> dict[str, Any]:
    """The message for the agent, as the API stored it."""
    dynamodb, name = client.stack.emulator.dynamodb(), client.stack.deployment.table_name
    for page in dynamodb.get_paginator("scan").paginate(TableName=name):
        for item in map(from_attribute_values, page["Items"]):
            if item[table.SK] == table.BODY_SK_PREFIX + task["submission"]:
                found: dict[str, Any] = json.loads(str(item[table.MESSAGE]))
                return found
    raise AssertionError(f"nothing is stored of {task}")


def test_the_python_program_has_no_type_error(clients: Path, execute: Callable[..., str]) -> None:
    # Errors inside the generated package are those of the generator.
    options = ("--strict", "--follow-imports", "silent", "--python-executable", str(GENERATORS / "bin" / "python"))
    execute(clients, sys.executable, "-m", "mypy", *options, "python_client.py", MYPYPATH=".")


@CLIENTS
def test_every_task_of_a_generated_client_is_completed(outcome: Callable[[str], dict[str, Any]], name: str) -> None:
    tasks = outcome(name)["tasks"]
    assert {task: tasks[task]["status"] for task in tasks} == dict.fromkeys(tasks, "completed")
    assert all(one["url"].startswith("https://") for task in tasks.values() for one in task["results"])


@CLIENTS
def test_every_field_of_a_generated_client_is_stored(
    client: Any, outcome: Callable[[str], dict[str, Any]], name: str
) -> None:
    tasks = outcome(name)["tasks"]
    assert tasks["text"]["context"] == CONTEXT
    metadata = sent(client, tasks["text"])["task"]["metadata"]
    assert (metadata["prefix"], metadata["context"]) == ("generated", CONTEXT)
    (out,) = (one["url"] for one in tasks["text"]["results"] if one["s3_url"].endswith(".out"))
    parameters = json.loads(client.http.request("GET", out).data)["response"]["parameters"]
    arrived = {field: parameters.get(field) for field in CONTENT}
    arrived["override_settings"] = {
        "CLIP_stop_at_last_layers": parameters["override_settings"]["CLIP_stop_at_last_layers"]
    }
    assert arrived == CONTENT


@CLIENTS
def test_every_content_of_a_generated_client_is_stored(
    client: Any, outcome: Callable[[str], dict[str, Any]], name: str
) -> None:
    tasks = outcome(name)["tasks"]
    pipeline, v1alpha1 = (sent(client, tasks[task])["task"] for task in ("pipeline", "v1alpha1"))
    assert pipeline["content"] == WORKFLOW
    assert pipeline["metadata"]["inputs"]["portrait.png"].startswith("s3://")
    assert (v1alpha1["content"]["prompt"], v1alpha1["content"]["steps"]) == ("a bird", 10)
    assert sent(client, tasks["single"])["task"]["content"] == {"image": IMAGE, "upscaling_resize": 2}
    batch = {"imageList": [{"name": "one.png", "data": IMAGE}], "upscaling_resize": 2}
    assert sent(client, tasks["batch"])["task"]["content"] == batch


@CLIENTS
def test_a_generated_client_lists_its_tasks_page_by_page(outcome: Callable[[str], dict[str, Any]], name: str) -> None:
    found = outcome(name)
    of_sdwebui = [task["id"] for task in found["tasks"].values() if task["runtime"] == "sd"]
    assert set(of_sdwebui) <= set(found["listed"])


@CLIENTS
def test_a_generated_client_reads_an_error(outcome: Callable[[str], dict[str, Any]], name: str) -> None:
    assert outcome(name)["code"] == "unknown_runtime"


@CLIENTS
def test_a_generated_client_cancels_a_task(client: Any, run: Run, name: str) -> None:
    agent = client.stack.agents["sd"]
    agent.stop(timeout_s=10)
    try:
        assert run(name, "cancel") == ["cancelled", "cancelled"]
    finally:
        agent.start()
