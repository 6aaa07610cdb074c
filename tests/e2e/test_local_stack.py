"""The main job, as a user runs it: `make local` is `python -m local_stack`."""

import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.xdist_group("e2e")


def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 (our own command)
        [sys.executable, "-m", "local_stack", *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def children_of(mark: str) -> list[str]:
    """Command lines of processes that carry a mark in their environment; the local stack hands TMPDIR on in paths."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_text().replace("\0", " ")
            environment = (process / "environ").read_text()
        except OSError:
            continue
        if mark in environment or mark in command:
            found.append(command)
    return found


def wait_until_nothing_is_left(mark: str) -> None:
    deadline = time.monotonic() + 15
    while left := children_of(mark):
        assert time.monotonic() < deadline, left
        time.sleep(0.1)


def test_the_main_job_shows_images_of_both_runtimes_and_leaves_no_process(tmp_path: Path) -> None:
    images, scratch = tmp_path / "images", tmp_path / "scratch"
    scratch.mkdir()
    job = start("--output", str(images), TMPDIR=str(scratch))
    output, _ = job.communicate(timeout=120)
    assert job.returncode == 0, output
    assert f"the images are in {images}\n" in output
    kinds = sorted(file.name.rsplit("-", 3)[0] for file in images.iterdir())
    assert kinds == ["test-image-to-image", "test-pipeline", "test-text-to-image", "test-v1alpha1"]
    for file in images.iterdir():
        with Image.open(file) as image:
            image.load()
            assert image.size == (512, 512)
    wait_until_nothing_is_left(str(scratch))
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "once_there_is"),
    [
        (signal.SIGINT, "jsii-runtime.js"),
        (signal.SIGTERM, "stand_in_runtime"),
        pytest.param(signal.SIGKILL, "queue_agent", marks=pytest.mark.soak),
    ],
)
def test_nothing_is_left_when_the_job_is_stopped_half_way(
    tmp_path: Path, number: signal.Signals, once_there_is: str
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    config = tmp_path / "config.yaml"  # one that was never synthesized before
    config.write_text((ROOT / "config.yaml").read_text().replace("SdOnEKSStack", f"Stack{uuid.uuid4().hex}"))
    job = start("--output", str(tmp_path / "images"), TMPDIR=str(scratch), CDK_CONFIG_PATH=str(config))
    try:
        deadline = time.monotonic() + 60
        while not any(once_there_is in command for command in children_of(f"{scratch}/")):
            assert job.poll() is None, job.communicate()[0]
            assert time.monotonic() < deadline
            time.sleep(0.1)
        if number == signal.SIGINT:
            os.killpg(job.pid, number)  # as a terminal does: to all of its group
        else:
            job.send_signal(number)
        output, _ = job.communicate(timeout=30)
    finally:
        job.kill()  # what is left of it where something above failed
        job.communicate()
    assert job.returncode == (-signal.SIGKILL if number == signal.SIGKILL else 130), output
    assert "Traceback" not in output
    wait_until_nothing_is_left(f"{scratch}/")
    if number != signal.SIGKILL:  # after which the next run removes what is left
        assert list(scratch.iterdir()) == []


def test_fails_when_the_emulator_is_missing(tmp_path: Path) -> None:
    job = start("--emulator", str(tmp_path / "none"))
    output, _ = job.communicate(timeout=30)
    assert job.returncode == 1
    assert "local stack: the AWS emulator is missing" in output
    assert "Traceback" not in output


def test_fails_when_the_configuration_is_broken(tmp_path: Path) -> None:
    config = tmp_path / "broken.yaml"
    config.write_text("stackName: 5\n")
    job = start(CDK_CONFIG_PATH=str(config))
    output, _ = job.communicate(timeout=30)
    assert job.returncode == 2
    assert "stackName: must be a string, got 5" in output
