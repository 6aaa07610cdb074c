"""`make up` and `make down` where no stack has to be brought up for it: what they find, and what they say."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from local_stack import down, up
from local_stack.child_process import free_port
from local_stack.stack_folder import Lock, StackFolder, StackState
from sd_on_eks.config.loader import load_config

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Runs `up` or `down` with a folder of its own; returns the exit status and what was said."""
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def main(command: Callable[[list[str]], int], port: int | str, *arguments: str) -> tuple[int, str]:
        status = command(["--port", str(port), "--folder", str(tmp_path), *arguments])
        printed = capsys.readouterr()
        return status, printed.err + printed.out

    yield main
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def folder(tmp_path: Path) -> StackFolder:
    return StackFolder(tmp_path, free_port())


@pytest.fixture
def held(folder: StackFolder) -> Iterator[Lock]:
    lock = folder.take()
    assert lock is not None
    with lock:
        yield lock


def serving(folder: StackFolder) -> StackState:
    return StackState(
        pid=os.getpid(),
        port=folder.port,
        phase="serving",
        config=load_config().model_dump_json(by_alias=True),
        variables={"ENDPOINT": "https://127.0.0.1/x/", "API_KEY": "k-e-y", "OUTPUT_BUCKET": "b", "SDWEBUI_RUNTIME": ""},
        runtimes={"sd": "sdwebui", "comfy": "comfyui"},
        runtime_urls={},
    )


@pytest.mark.usefixtures("held")
def test_a_stack_that_is_up_is_said_to_be_and_its_use_is_printed(run: Run, folder: StackFolder) -> None:
    folder.write(serving(folder))
    status, said = run(up.main, folder.port)
    assert status == 0
    assert said.startswith("it is up already\n")
    for word in (
        "https://127.0.0.1/x/",
        "k-e-y",
        "sd (sdwebui), comfy (comfyui)",
        str(folder.environment_file),
        str(folder.path / "*.log"),
        "CURL_CA_BUNDLE",
        "SSL_CERT_FILE",
        "NODE_EXTRA_CA_CERTS",
        f"make down PORT={folder.port} ends it",
    ):
        assert word in said


@pytest.mark.usefixtures("held")
def test_a_configuration_that_has_changed_since_is_said(run: Run, folder: StackFolder) -> None:
    folder.write(replace(serving(folder), config="{}"))
    status, said = run(up.main, folder.port)
    assert status == 0
    port = f"PORT={folder.port}"
    assert f"has changed since it was brought up; `make down {port}` and `make up {port}` apply that" in said


def test_fails_when_the_port_is_in_use(run: Run) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        status, said = run(up.main, port)
    assert status == 1
    assert said.startswith(f"local stack: port {port} is in use by another program ")
    assert "choose another port: make up PORT=..." in said


@pytest.mark.parametrize("port", ["0", "65536", "-1", "http", "4566.5", ""])
def test_fails_when_the_port_is_none(run: Run, port: str, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (up.main, down.main):
        with pytest.raises(SystemExit, match="2"):
            run(command, f"{port}")
        assert f"PORT must be a number from 1 to 65535, got {port!r}" in capsys.readouterr().err


def test_fails_when_the_folder_cannot_be_made(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    status, said = run(up.main, 4567, "--folder", str(tmp_path / "file"))
    assert (status, said) == (1, f"local stack: {tmp_path}/file/stack-4567: Not a directory\n")


def test_a_stack_that_was_killed_is_noticed_and_why_the_next_fails_is_said(
    run: Run, folder: StackFolder, tmp_path: Path
) -> None:
    with folder.take() or pytest.fail("nobody holds it"):
        folder.write(serving(folder))
    status, said = run(up.main, folder.port, "--emulator", str(tmp_path / "none"))
    assert status == 1
    assert said.startswith(
        f"the local stack that was up on port {folder.port} ended without `make down`: its supervisor was killed\n"
    )
    assert f"\nlocal stack: the AWS emulator is missing: there is no {tmp_path}/none/bin/ministack" in said
    assert "broke: the AWS emulator is missing" in run(down.main, folder.port)[1]


def test_down_says_that_nothing_is_up(run: Run, folder: StackFolder, tmp_path: Path) -> None:
    assert run(down.main, folder.port) == (0, f"no local stack is up on port {folder.port}\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("held")
def test_down_names_a_stack_on_another_port(run: Run, folder: StackFolder) -> None:
    other = folder.port - 1
    assert run(down.main, other)[1] == (
        f"no local stack is up on port {other}; one is up on port {folder.port}: make down PORT={folder.port}\n"
    )


@pytest.mark.parametrize(
    ("phase", "why"), [("broken", "broke: the queue agent of sd has died"), ("serving", "was killed")]
)
def test_down_says_what_became_of_a_stack_and_removes_the_rest(
    run: Run, folder: StackFolder, tmp_path: Path, phase: str, why: str
) -> None:
    with folder.take() or pytest.fail("nobody holds it"):
        folder.write(replace(serving(folder), phase=phase, error="the queue agent of sd has died"))  # type: ignore[arg-type]  # a column of the table
    status, said = run(down.main, folder.port)
    assert status == 0
    assert said.endswith(f"\nthe one that was up {why}; what it left is removed\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("listens", [True, False])
def test_down_ends_the_supervisor(
    run: Run, folder: StackFolder, monkeypatch: pytest.MonkeyPatch, listens: bool
) -> None:
    monkeypatch.setattr(down, "_STOP_S", 30 if listens else 0.2)
    ignore = "" if listens else "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    with folder.take() or pytest.fail("nobody holds it") as lock:
        supervisor = subprocess.Popen(  # noqa: S603 (our own code)
            [sys.executable, "-c", f"{ignore}import time; print(1, flush=True); time.sleep(60)"],
            pass_fds=[lock.descriptor],
            stdout=subprocess.PIPE,
        )
    with supervisor:
        assert supervisor.stdout is not None
        supervisor.stdout.readline()
        folder.write(replace(serving(folder), pid=supervisor.pid))
        assert run(down.main, folder.port) == (0, f"the local stack on port {folder.port} is stopped\n")
    assert supervisor.returncode == (-signal.SIGTERM if listens else -signal.SIGKILL)
    assert not folder.path.exists()
