"""scripts/test_api.py with broken deployments: each failure is one sentence, and the exit status is not 0."""

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

import terminal
import test_api
from deployed_api import find_api
from tests.fakes.deployed_stack import Cloud, code_with_runtimes, drawing
from verification import tasks

Run = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def run(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the script; returns its exit status and the printed lines."""
    monkeypatch.setattr(tasks, "_POLL_S", 0.01)

    def run(*arguments: str, output: Path = tmp_path, **environment: str) -> tuple[int, list[str]]:
        for name, value in (cloud.environment | {"HOME": str(tmp_path)} | environment).items():
            monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
        status = test_api.main([*arguments, "--output", str(output), "--timeout", "0.1"])
        return status, capsys.readouterr().err.splitlines()

    return run


def test_fails_when_there_is_no_such_stack(cloud: Cloud, run: Run) -> None:
    cloud.stack_exists = False
    assert run("nonesuch") == (1, ["test_api: there is no stack nonesuch in this account and region"])


def test_fails_when_there_are_no_credentials(run: Run) -> None:
    said = run(AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    assert said == (1, ["test_api: there are no AWS credentials; set AWS_PROFILE or log in"])


def test_fails_when_there_is_no_region(run: Run) -> None:
    assert run(AWS_DEFAULT_REGION="") == (1, ["test_api: there is no AWS region; set AWS_DEFAULT_REGION"])


def test_fails_when_the_endpoint_url_is_invalid(run: Run) -> None:
    assert run(AWS_ENDPOINT_URL="nonsense") == (1, ["test_api: AWS cannot be asked: Invalid endpoint: nonsense"])


def test_fails_when_the_stack_has_no_endpoint(cloud: Cloud, run: Run) -> None:
    cloud.outputs = {}
    assert run() == (
        1,
        ["test_api: the stack SdOnEKSStack must have the output FrontApiEndpoint, got none: it has no API"],
    )


def test_fails_when_the_stack_has_no_default_key(cloud: Cloud, run: Run) -> None:
    cloud.resources = [one for one in cloud.resources if one[1] != "defaultAPIKey"]
    assert run() == (1, ["test_api: the stack SdOnEKSStack must have a default API key, got none"])


def test_the_key_is_the_default_key_and_not_one_of_a_plan(cloud: Cloud, run: Run) -> None:
    run()
    assert cloud.used == {None, "secret"}


def test_each_check_that_is_broken_is_reported(run: Run) -> None:
    status, said = run("SdOnEKSStack", "--conformance")
    assert status == 1
    # A server that returns 200 for every request: the first check, and a later one.
    assert said[0].startswith("✗ no key and a wrong key return 401: 200 ")
    assert said[1].startswith("✗ an unknown route returns 404: ")
    assert any(line.startswith("✗ a body over the gateway's 10 MB returns 413: 200 ") for line in said)
    assert said[-1].endswith(" skipped")


def test_fails_when_a_request_without_a_key_is_accepted(cloud: Cloud, run: Run) -> None:
    cloud.without_key = 200
    status, said = run()
    assert (status, said[0]) == (1, "✗ a request without an API key: must return 401, got 200")


def test_fails_when_the_stack_has_no_such_runtime(run: Run) -> None:
    said = run("SdOnEKSStack", "comfyui")
    assert said == (1, ["test_api: the stack has no comfyui runtime; it has sd (sdwebui)"])


def test_a_runtime_with_a_default_checkpoint_is_preferred(cloud: Cloud, run: Run) -> None:
    cloud.code = code_with_runtimes(
        [
            {"name": "dynamic", "type": "sdwebui", "dynamic_model": True},
            {"name": "gone", "type": "sdwebui", "model_filename": "a", "retired": True},
            {"name": "sd", "type": "sdwebui", "model_filename": "a"},
        ]
    )
    assert "✓ text-to-image on sd: 1 image(s)" in run()[1]


@pytest.mark.parametrize("code", [b"no archive", code_with_runtimes([{}])])
def test_fails_when_the_runtimes_cannot_be_read(cloud: Cloud, run: Run, code: bytes) -> None:
    cloud.code = code
    status, said = run()
    assert status == 1
    assert said[0].startswith("test_api: the code of the task API cannot be read: ")


def test_fails_when_there_is_no_task_api(cloud: Cloud, run: Run) -> None:
    cloud.variables = {}
    assert run() == (
        1,
        ["test_api: the stack must have a function with the variable TENANTS, got none: it has no task API"],
    )


def test_fails_when_a_task_is_rejected(cloud: Cloud, run: Run) -> None:
    cloud.submit = (503, {"error": {"message": "send it again"}})
    status, said = run()
    assert (status, said[1]) == (
        1,
        "✗ text-to-image on sd: the submit must return 200, got 503: send it again",
    )


def test_fails_when_a_task_fails_and_continues(cloud: Cloud, run: Run) -> None:
    cloud.tasks = [{"status": "failed", "error": {"code": "timeout", "message": "no progress"}}]
    status, said = run()
    assert status == 1
    assert said[1].startswith("✗ text-to-image on sd: the task test-text-to-image-")
    assert said[1].endswith(" failed: timeout: no progress")
    assert said[2] == "✓ image-to-image on sd: 1 image(s)"


def test_a_runtime_that_does_not_finish_a_task_in_time_gets_no_other(cloud: Cloud, run: Run) -> None:
    cloud.task = {"status": "queued"}
    status, said = run()
    assert status == 1
    assert said[1].endswith(" must end within 0.1 s, is queued")
    assert said[2] == "- image-to-image on sd: sd has not finished the task before this one"


def test_fails_when_a_task_has_no_image(cloud: Cloud, run: Run) -> None:
    cloud.task["results"] = [cloud.result("a.out")]
    status, said = run()
    assert (status, said[1]) == (1, "✗ text-to-image on sd: the task t completed without an image")


def test_fails_when_an_image_is_invalid(cloud: Cloud, run: Run) -> None:
    cloud.image = b"no image"
    status, said = run()
    assert status == 1
    assert said[1].startswith("✗ text-to-image on sd: the image a.png cannot be decoded: ")


def test_fails_when_an_image_has_another_size(cloud: Cloud, run: Run) -> None:
    cloud.image = drawing(64, 512)
    status, said = run()
    assert (status, said[1]) == (1, "✗ text-to-image on sd: the image a.png must be 512 x 512, got 64 x 512")


def test_every_image_is_stored(cloud: Cloud, run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "[bold]images[/bold]"
    status, said = run(output=folder)
    assert (status, said[-1]) == (0, f"{folder / 'a.png'}  512 x 512")
    assert (folder / "a.png").read_bytes() == cloud.image


@pytest.mark.parametrize(
    ("submit", "task", "missing"),
    [
        ({}, {}, "'submission'"),
        ({"submission": "S"}, {}, "'status'"),
        ({"submission": "S"}, {"status": "completed", "results": [{"s3_url": "s3://b/a.png"}]}, "'url'"),
    ],
)
def test_fails_when_a_response_lacks_a_field(
    cloud: Cloud, run: Run, submit: dict[str, Any], task: dict[str, Any], missing: str
) -> None:
    cloud.submit, cloud.task = (200, submit), task
    status, said = run()
    assert (status, said[1]) == (1, f"✗ text-to-image on sd: a response has no {missing}")


def test_fails_when_the_folder_for_the_images_is_a_file(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    status, said = run(output=tmp_path / "file")
    assert status == 1
    assert said[0].startswith("test_api: the folder for the images cannot be created: ")
    assert said[0].endswith(f"{str(tmp_path / 'file')!r}")


def test_fails_when_an_image_cannot_be_written(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.png").mkdir()
    status, said = run()
    assert status == 1
    assert said[1].startswith("✗ text-to-image on sd: the image a.png cannot be written: ")


def test_retry_after_with_a_date_is_ignored(cloud: Cloud, run: Run) -> None:
    cloud.headers = {"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}
    assert run()[0] == 0


ROUTED = code_with_runtimes([{"name": "sd", "type": "sdwebui", "model_filename": "v1-5.safetensors"}])


def test_a_request_of_v1alpha1_is_routed_by_its_checkpoint(cloud: Cloud, run: Run) -> None:
    cloud.code = ROUTED
    status, said = run()
    assert (status, said[3]) == (0, "✓ text-to-image by v1alpha1 on sd: 1 image(s)")


def test_v1alpha1_is_skipped_without_a_default_checkpoint(run: Run) -> None:
    assert run()[1][3].startswith("- text-to-image by v1alpha1 on sd: no sdwebui runtime has a modelFilename")


@pytest.mark.parametrize(
    ("answer", "task", "detail"),
    [
        ({"id_task": "other"}, {}, "id_task of the response must be test-v1alpha1-"),
        (
            {"sd_model_checkpoint": "other"},
            {},
            "sd_model_checkpoint of the response must be v1-5.safetensors, got other",
        ),
        ({}, {"runtime": "other"}, "v1-5.safetensors must be routed to sd, got other"),
        ({"output_location": "s3://b/c/"}, {}, "results must be below s3://b/c/, got s3://b/a.png"),
    ],
)
def test_fails_when_v1alpha1_does_not_follow_the_contract(
    cloud: Cloud, run: Run, answer: dict[str, str], task: dict[str, str], detail: str
) -> None:
    cloud.code = ROUTED
    cloud.submit_v1alpha1 |= answer
    cloud.task |= task
    status, said = run()
    assert status == 1
    assert said[3].startswith(f"✗ text-to-image by v1alpha1 on sd: {detail}")


@pytest.mark.parametrize(
    ("task", "likely"),
    [
        (
            {"status": "queued"},
            r"queued since \d\d:\d\d:\d\d UTC: a GPU node is probably starting, which takes minutes",
        ),
        ({"status": "queued", "tasks_ahead": 3}, r"queued since \S+ UTC: 3 task\(s\) ahead of it"),
        ({"status": "running", "progress": 0.4}, r"running since \S+ UTC, 40% done"),
    ],
)
def test_progress_is_printed_if_standard_error_is_not_a_terminal(
    cloud: Cloud, run: Run, monkeypatch: pytest.MonkeyPatch, task: dict[str, Any], likely: str
) -> None:
    monkeypatch.setattr(test_api, "Terminal", lambda: terminal.Terminal(report_every_s=0.02))
    monkeypatch.setattr(test_api, "find_api", lambda name: dataclasses.replace(find_api(name), is_emulated=False))
    cloud.task = task
    expected = rf"waiting for \d+ s: text-to-image on sd: the task test-text-to-image-\w{{8}} is {likely}"
    assert any(re.fullmatch(expected, line) for line in run()[1])
