"""The examples of docs/api.md, run unchanged in a shell that has sourced the file of `make up`."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

EXAMPLES = Path(__file__).parents[2] / "docs" / "api-examples"
MISSING = [program for program in ("bash", "curl", "jq") if shutil.which(program) is None]
PROGRAMS = {".sh": "bash", ".py": sys.executable, ".mjs": os.environ["JSII_NODE"]}

SUBMITS = {
    "text_to_image": "cat-1",
    "image_to_image": "cat-2",
    "extra_single_image": "cat-3",
    "extra_batch_images": "cat-4",
    "text_to_image_v1alpha1": "cat-5",
    "upload": "cat-6",
    "pipeline": "dog-1",
    "linked_input": "dog-2",
}
"""Examples that submit a task, and the ids of the tasks."""

LARGE_SEED = 2**63 - 25
LARGE_SEED_OF_WORKFLOW = 2**64 - 59
OTHERS = {"get_task", "list_tasks", "cancel_task", "idempotent_retry", "large_seed"}

pytestmark = pytest.mark.xdist_group("local_stack")


@dataclass(frozen=True)
class Ran:
    """The result of an example.

    Attributes:
        printed: what it said.
        folder: where it was run.
    """

    printed: str
    folder: Path


Run = Callable[[str], Ran]


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(".sh", marks=pytest.mark.skipif(bool(MISSING), reason=f"not on this machine: {MISSING}")),
        ".py",
        ".mjs",
    ],
)
def suffix(request: pytest.FixtureRequest) -> str:
    """Suffix of the examples of a language."""
    return str(request.param)


@pytest.fixture(scope="module")
def run(client_environment: dict[str, str], suffix: str, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs an example in a separate folder that has an image."""

    def run_example(name: str) -> Ran:
        folder = tmp_path_factory.mktemp(name) / "api-examples"
        shutil.copytree(EXAMPLES, folder)
        Image.linear_gradient("L").resize((64, 64)).save(folder / "image.png")
        done = subprocess.run(  # noqa: S603 (one of the examples)
            [PROGRAMS[suffix], name + suffix],
            cwd=folder,
            env=client_environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return Ran(done.stdout, folder)

    return run_example


@pytest.fixture(scope="module")
def submitted(run: Run) -> dict[str, str]:
    """Outputs of the examples that submit a task, all run at once."""
    names = [*SUBMITS, "large_seed"]
    with ThreadPoolExecutor(max_workers=3) as pool:
        return {name: ran.printed for name, ran in zip(names, pool.map(run, names), strict=True)}


TOO_LARGE = {
    ".py": "from client import TaskApi; TaskApi().call('POST', 'v1alpha2', 'a' * 11_000_000)",
    ".mjs": "import { call } from './client.mjs'; await call('POST', 'v1alpha2', 'a'.repeat(11_000_000));",
}
"""API Gateway responds to this body in plain text."""


@pytest.mark.parametrize("language", TOO_LARGE)
def test_a_client_reports_an_error_in_plain_text(
    client_environment: dict[str, str], language: str, tmp_path: Path
) -> None:
    folder = tmp_path / "api-examples"
    shutil.copytree(EXAMPLES, folder)
    (folder / f"too_large{language}").write_text(TOO_LARGE[language])
    done = subprocess.run(  # noqa: S603 (our own)
        [PROGRAMS[language], f"too_large{language}"],
        cwd=folder,
        env=client_environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "413 HTTP content length exceeded" in done.stderr


@pytest.fixture
def no_agent(client: Any) -> Iterator[None]:
    """No agent runs tasks of the SD Web UI."""
    agent = client.stack.agents["sd"]
    agent.stop(timeout_s=10)
    yield
    agent.start()


def whole_response(client: Any, task: dict[str, Any]) -> dict[str, Any]:
    """The complete response of the runtime, `.out`."""
    (url,) = (result["url"] for result in task["results"] if result["s3_url"].endswith(".out"))
    found: dict[str, Any] = json.loads(client.http.request("GET", url).data)
    return found


def test_every_example_is_run() -> None:
    for suffix in PROGRAMS:
        names = {file.stem for file in EXAMPLES.glob(f"*{suffix}")} - {"client"}
        assert names == {*SUBMITS, *OTHERS}, suffix


@pytest.mark.parametrize("name", SUBMITS)
def test_an_example_that_submits_ends_in_results(
    client: Any, submitted: dict[str, str], suffix: str, name: str
) -> None:
    said = submitted[name]
    assert f"/{SUBMITS[name]}/" in said
    if suffix == ".sh":
        assert json.loads(said)["output_location"].endswith(f"/{SUBMITS[name]}/")
    task = client.wait(SUBMITS[name])
    assert task["status"] == "completed", task
    assert any(result["s3_url"].endswith(".png") for result in task["results"])


def test_a_large_seed_keeps_all_digits_in_the_task_and_in_the_response(client: Any, submitted: dict[str, str]) -> None:
    assert str(LARGE_SEED) in submitted["large_seed"]
    task = client.wait("cat-8")
    assert task["context"] == {"seed": LARGE_SEED}
    answer = whole_response(client, task)
    assert (answer["response"]["parameters"]["seed"], answer["seeds"]) == (LARGE_SEED, [LARGE_SEED])


@pytest.mark.usefixtures("submitted")
def test_a_large_seed_of_a_workflow_keeps_all_digits(client: Any) -> None:
    assert whole_response(client, client.wait("dog-1"))["seeds"] == [LARGE_SEED_OF_WORKFLOW]


def test_the_example_that_waits_downloads_the_images(run: Run) -> None:
    run("text_to_image")
    ran = run("get_task")
    assert "completed" in ran.printed
    (file,) = ran.folder.glob("cat-1-*-0.png")
    with Image.open(file) as image:
        image.load()
        assert image.size == (512, 768)


@pytest.mark.usefixtures("submitted")
def test_the_example_that_lists_shows_a_task(client: Any, run: Run) -> None:
    # The index of the table is eventually consistent.
    client.until(lambda: "cat-1" in run("list_tasks").printed)


@pytest.mark.usefixtures("no_agent")
def test_the_example_that_cancels_ends_the_task(client: Any, run: Run) -> None:
    run("text_to_image")
    assert "cancelled" in run("cancel_task").printed
    assert client.request("GET", "v1alpha2/tasks/cat-1")[1]["status"] == "cancelled"


def test_the_example_that_sends_again_submits_one_task(run: Run, suffix: str) -> None:
    first, second = run("idempotent_retry").printed, run("idempotent_retry").printed
    assert first == second
    assert suffix == ".sh" or first.lower() == "true\n"
