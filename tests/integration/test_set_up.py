"""Set-up of a copy of this clone: interrupted repeatedly, without a network, on a full disk."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from repository_files import repository_files
from tests.fakes.interrupts import take_interrupts
from tests.fakes.set_up_clone import PYTHON

ROOT: Final = Path(__file__).parents[2]
WHAT_PEOPLE_HAVE_SET: Final = {"NODE_ENV": "production", "PIP_USER": "1", "PYTHONDONTWRITEBYTECODE": "1"}
pytestmark = [pytest.mark.soak, pytest.mark.xdist_group("set-up")]


def copy_of_this_clone(folder: Path) -> Path:
    """Copy tracked and new files."""
    for name in repository_files():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    return folder


def start(clone: Path, **environment: str) -> subprocess.Popen[str]:
    # Without the virtual environment of these tests.
    path = os.pathsep.join(
        folder for folder in os.environ["PATH"].split(os.pathsep) if not Path(folder).is_relative_to(ROOT)
    )
    return subprocess.Popen(  # noqa: S603 (our own program)
        [PYTHON, clone / "scripts" / "set_up.py"],
        env=os.environ | {"PATH": path} | WHAT_PEOPLE_HAVE_SET | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=take_interrupts,  # noqa: PLW1509 (one call)
    )


def run(clone: Path, **environment: str) -> tuple[int, str]:
    process = start(clone, **environment)
    output, _ = process.communicate(timeout=300)
    return process.returncode, output


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_of_this_clone(tmp_path_factory.mktemp("clone"))


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that rejects connections."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        yield taken.getsockname()[1]


@pytest.mark.parametrize(
    ("sentence", "number"),
    [
        ("making .venv with", signal.SIGKILL),
        ("installing uv", signal.SIGINT),
        ("installing packages into .venv\n", signal.SIGKILL),
        ("installing npm packages", signal.SIGINT),
    ],
)
def test_an_interrupted_set_up_never_counts_as_finished(clone: Path, sentence: str, number: signal.Signals) -> None:
    process = start(clone)
    assert process.stdout is not None
    while sentence not in process.stdout.readline():
        assert process.poll() is None
    time.sleep(0.3)
    process.send_signal(number)
    output, _ = process.communicate(timeout=300)
    assert process.returncode in {130, -signal.SIGKILL}, output
    assert "Traceback" not in output
    assert not (clone / ".venv" / ".ready").exists()


def test_the_next_attempt_completes_set_up_and_a_concurrent_one_waits_for_it(clone: Path) -> None:
    first, second = start(clone), start(clone)
    outputs = [process.communicate(timeout=300)[0] for process in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0], outputs
    assert any("waiting for another set-up of this clone" in output for output in outputs)
    assert any("the other set-up has made everything" in output for output in outputs)
    for command in (
        [".venv/bin/python", "-c", "import aws_cdk, boto3, local_stack, pytest, queue_agent, sd_on_eks"],
        [".venv-emulator/bin/ministack", "--help"],
        [".venv/bin/node", "node_modules/aws-cdk/bin/cdk", "--version"],
        ["make", "lint", "--dry-run"],
    ):
        subprocess.run(command, cwd=clone, check=True, capture_output=True)  # noqa: S603 (our own tools)
    assert list(clone.glob(".venv/lib/python3*/site-packages/aws_cdk/__pycache__/__init__.*.pyc"))
    assert run(clone) == (0, "set-up: everything is made already\n")


def test_npm_without_a_network_is_reported_and_the_next_attempt_works(
    clone: Path, tmp_path: Path, closed_port: int
) -> None:
    (clone / "node_modules" / ".ready").unlink()
    status, output = run(
        clone, npm_config_registry=f"http://127.0.0.1:{closed_port}/", npm_config_cache=str(tmp_path / "npm")
    )
    assert status == 1
    assert "npm packages into node_modules failed: the package index cannot be reached" in output
    assert run(clone)[0] == 0


@pytest.mark.parametrize("tool", ["uv", "pip"])
def test_an_unreachable_index_is_reported(clone: Path, tmp_path: Path, closed_port: int, tool: str) -> None:
    other = copy_of_this_clone(tmp_path / "clone")
    index = f"http://127.0.0.1:{closed_port}/simple"
    environment = {
        "PIP_INDEX_URL": index,
        "PIP_RETRIES": "1",
        "PIP_CONFIG_FILE": os.devnull,
        "UV_DEFAULT_INDEX": index,
        "UV_CACHE_DIR": str(tmp_path / "uv"),
    }
    if tool == "uv":
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin" / "uv").symlink_to(clone / ".venv" / "bin" / "uv")
        environment["PATH"] = f"{tmp_path}/bin:/usr/bin:/bin"
    status, output = run(other, **environment)
    assert status == 1
    assert "failed: the package index cannot be reached: check the network" in output
    assert "Traceback" not in output


def test_a_full_disk_is_reported(clone: Path, tmp_path: Path) -> None:
    """A file system of 64 MB, in a separate mount namespace."""
    disk = tmp_path / "disk"
    disk.mkdir()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "uv").symlink_to(clone / ".venv" / "bin" / "uv")
    namespace = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-euc"]
    mount = 'mount -t tmpfs -o size=64m none "$0"; '
    if subprocess.run([*namespace, mount, disk], check=False, capture_output=True).returncode != 0:  # noqa: S603 (as above)
        pytest.skip("this machine lets nobody mount a file system in a namespace")
    source = copy_of_this_clone(tmp_path / "clone")
    done = subprocess.run(  # noqa: S603 (our own program)
        [*namespace, f'{mount} cp -r "$1"/. "$0"; exec "$2" "$0"/scripts/set_up.py', disk, source, PYTHON],
        env=os.environ | {"PATH": f"{tmp_path}/bin:/usr/bin:/bin"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "failed: the disk is full: free 2 GB" in done.stderr
    assert "Traceback" not in done.stderr
