"""The examples of the API's page, run as they are written."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

EXAMPLES = Path(__file__).parents[2] / "docs" / "api-examples"
MISSING = [program for program in ("bash", "curl", "jq") if shutil.which(program) is None]

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
"""Examples that submit a task, and its id."""

OTHERS = {"get_task", "list_tasks", "cancel_task", "idempotent_retry", "client"}

pytestmark = pytest.mark.xdist_group("local_stack")

Run = Callable[[str], str]
LANGUAGES = pytest.mark.parametrize(
    "suffix",
    [
        pytest.param(".sh", marks=pytest.mark.skipif(bool(MISSING), reason=f"not on this machine: {MISSING}")),
        ".py",
    ],
)


@pytest.fixture
def run(client: Any, tmp_path: Path) -> Run:
    """Runs an example in a folder of its own, with a picture in it; returns what it prints."""
    folder = tmp_path / "api-examples"
    shutil.copytree(EXAMPLES, folder)
    Image.linear_gradient("L").resize((64, 64)).save(folder / "picture.png")
    authority = str(client.stack.emulator.ca_bundle)
    environment = {
        "PATH": os.environ["PATH"],
        "ENDPOINT": client.stack.deployment.endpoint_url,
        "API_KEY": client.key,
        "SDWEBUI_RUNTIME": "sd",
        "COMFYUI_RUNTIME": "comfy",
        "CURL_CA_BUNDLE": authority,
        "SSL_CERT_FILE": authority,
    }

    def run_example(name: str) -> str:
        program = "bash" if name.endswith(".sh") else sys.executable
        done = subprocess.run(  # noqa: S603 (an example of ours)
            [program, name], cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run_example


@pytest.fixture
def no_agent(client: Any) -> Iterator[None]:
    """Nobody takes tasks for the SD Web UI."""
    agent = client.stack.agents["sd"]
    agent.stop(timeout_s=10)
    yield
    agent.start()


def test_every_example_is_run() -> None:
    assert {file.stem for file in EXAMPLES.glob("*.py")} == {*SUBMITS, *OTHERS}
    assert {file.stem for file in EXAMPLES.glob("*.sh")} == {*SUBMITS, *OTHERS} - {"client"}


@LANGUAGES
@pytest.mark.parametrize("name", SUBMITS)
def test_an_example_that_submits_ends_in_results(client: Any, run: Run, name: str, suffix: str) -> None:
    said = run(name + suffix)
    assert f"/{SUBMITS[name]}/" in said
    if suffix == ".sh":
        assert json.loads(said)["output_location"].endswith(f"/{SUBMITS[name]}/")
    task = client.wait(SUBMITS[name])
    assert task["status"] == "completed", task
    assert any(result["s3_url"].endswith(".png") for result in task["results"])


@LANGUAGES
def test_the_example_that_waits_fetches_the_pictures(run: Run, tmp_path: Path, suffix: str) -> None:
    run(f"text_to_image{suffix}")
    assert "completed" in run(f"get_task{suffix}")
    (picture,) = (tmp_path / "api-examples").glob("cat-1-*-0.png")
    with Image.open(picture) as image:
        image.load()
        assert image.size == (512, 768)


@LANGUAGES
def test_the_example_that_lists_shows_a_task(client: Any, run: Run, suffix: str) -> None:
    run(f"text_to_image{suffix}")
    # The index of the table follows its writes.
    client.until(lambda: "cat-1" in run(f"list_tasks{suffix}"))


@LANGUAGES
@pytest.mark.usefixtures("no_agent")
def test_the_example_that_cancels_ends_the_task(client: Any, run: Run, suffix: str) -> None:
    run(f"text_to_image{suffix}")
    assert "cancelled" in run(f"cancel_task{suffix}")
    assert client.request("GET", "v1alpha2/tasks/cat-1")[1]["status"] == "cancelled"


@LANGUAGES
def test_the_example_that_sends_again_submits_one_task(run: Run, suffix: str) -> None:
    first, second = run(f"idempotent_retry{suffix}"), run(f"idempotent_retry{suffix}")
    assert first == second
    assert suffix == ".sh" or first == "True\n"
