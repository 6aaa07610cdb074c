# ruff: noqa: PLC0415 (what is generated is imported after that)
"""Run by test_recipes.py on a copy of the tree: generates what is generated, and looks at what became of the recipe."""

import asyncio
import json
import runpy
import sys
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

IMAGE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="


def submitted(task: dict[str, Any], runtime: dict[str, Any]) -> str:
    """What a submit comes to: the task type that it is accepted as, or the message of the answer."""
    from sd_on_eks.task_api.handler.body import Body
    from sd_on_eks.task_api.handler.errors import ApiError
    from sd_on_eks.task_api.handler.inputs import Inputs
    from sd_on_eks.task_api.handler.runtimes import Runtime, Runtimes
    from sd_on_eks.task_api.handler.v1alpha2 import read_v1alpha2

    uploads = cast("Any", None)  # nothing refers to one
    try:
        return read_v1alpha2(
            Body(b"", {"task": task}),
            Runtimes([Runtime(**runtime)]),
            uploads=uploads,
            owner="o",
            inputs=Inputs(uploads, owner="o", buckets=frozenset()),
            now_ms=0,
            max_age_s=60,
        ).tasktype
    except ApiError as error:
        return str(error)


class Http:
    """HTTP to a server, as far as the path that is posted to."""

    posted_to = ""

    def hold(self, path: str, body: bytes) -> SimpleNamespace:
        self.posted_to = path
        return SimpleNamespace(close=lambda: None)


async def posted_to(environment: dict[str, str], tasktype: str, content: dict[str, Any]) -> str:
    """The path to which the agent posts a task."""
    from queue_agent.runtimes.base import RuntimeTask
    from queue_agent.runtimes.registry import client_of
    from queue_agent.settings import Settings

    known = ("AWS_REGION", "SQS_QUEUE_URL", "TASK_TABLE_NAME", "S3_BUCKET", "RUNTIME_NAME", "API_BASE_URL")
    settings = Settings.from_environment(dict.fromkeys(known, "x") | environment)
    http = Http()
    task = RuntimeTask(claim_id="c", submission="s", tasktype=tasktype, content=content)
    async with client_of(settings, cast("Any", http)).prepare(task):
        return http.posted_to


def generated() -> list[str]:
    """Generate; the files that were written, below the tree."""
    files = runpy.run_path("scripts/generate.py")["GENERATED"]
    before = {file: file.read_bytes() if file.exists() else b"" for file in files}
    with suppress(SystemExit):
        runpy.run_path("scripts/generate.py", run_name="__main__")
    return sorted(str(file.relative_to(Path.cwd())) for file in files if file.read_bytes() != before[file])


def documented(tasktype: str) -> dict[str, Any]:
    schemas = json.loads(Path("docs/openapi.json").read_text())["components"]["schemas"]
    return {
        "enum": schemas["Tasktype"]["enum"],
        "words": schemas["Tasktype"]["description"],
        "schemas": sorted(schemas),
        "on the page": f"#### Content of `{tasktype}`" in Path("docs/api.md").read_text(),
    }


def of_a_task_type() -> dict[str, Any]:
    runtime = {"name": "sd", "type": "sdwebui", "model_filename": "m"}
    metadata = {"id": "t", "runtime": "sd", "tasktype": "interrogate"}
    contents = [
        {"image": IMAGE},
        {"image": IMAGE, "model": "blip"},
        {"image": IMAGE, "model": "deepdanbooru", "language": "en"},
        {},
    ]
    return {
        "answers": [submitted({"metadata": metadata, "content": content}, runtime) for content in contents],
        "posted to": asyncio.run(
            posted_to({"RUNTIME_TYPE": "sdwebui", "MODEL_FILENAME": "m"}, "interrogate", {"image": IMAGE})
        ),
    }


def of_a_runtime_type() -> dict[str, Any]:
    from sd_on_eks.config.errors import ConfigError
    from sd_on_eks.config.loader import parse_config
    from sd_on_eks.runtime.image_contexts import image_context

    metadata = {"id": "t", "runtime": "songs", "tasktype": "text-to-song"}
    runtime = {"name": "songs", "type": "songserver"}
    text = "modelsRuntime: [{name: songs, type: songserver}]"
    (configured,) = parse_config(text, "config.yaml").models_runtime
    try:
        parse_config(text.replace("songserver", "songserver, modelFilename: m"), "config.yaml")
        problem = ""
    except ConfigError as error:
        problem = str(error)
    with image_context(configured.type) as context:
        files = sorted(file.name for file in context.iterdir())
    return {
        "answers": [
            submitted({"metadata": metadata, "content": content}, runtime) for content in ({"lyrics": "la"}, {})
        ],
        "posted to": asyncio.run(posted_to({"RUNTIME_TYPE": "songserver"}, "text-to-song", {"lyrics": "la"})),
        "problem": problem,
        "image": files,
    }


if __name__ == "__main__":
    kind, name = sys.argv[1:]
    written = generated()
    found = of_a_task_type() if kind == "task type" else of_a_runtime_type()
    sys.stdout.write(json.dumps({"generated": written, **documented(name), **found}))
