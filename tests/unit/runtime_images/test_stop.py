"""The inference server stops with its container, and the container stops with its server.

The real scripts, and the command of the stack for images by reference, run with stand-ins for the servers.
"""

import os
import shutil
import signal
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sd_on_eks.config.workload import InferenceApi
from sd_on_eks.manifests.runtime_container import command_of
from tests.fakes.runtime_container import PROGRAMS, RuntimeContainer, until

ENTRIES = (*PROGRAMS, "wrapped")
KILLED = 128 + signal.SIGKILL
AS_FIRST = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("unshare"), reason="a process namespace needs root and unshare"
)

Entry = tuple[RuntimeContainer, list[str]]


@pytest.fixture
def entry(tmp_path: Path) -> Callable[[str], Entry]:
    """A container with its command: the start script of an image, or a wrapped command."""

    def make(name: str) -> Entry:
        container = RuntimeContainer(name if name in PROGRAMS else "comfyui", tmp_path)
        wrapped = command_of(InferenceApi(command=container.wrapped))
        return container, container.command if name in PROGRAMS else wrapped

    return make


def is_there(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("name", ENTRIES)
def test_signal_reaches_the_server_which_ends_before_its_container(entry: Callable[[str], Entry], name: str) -> None:
    container, command = entry(name)
    with container.started(command, container.environment(STAND_IN="careful")) as process:
        assert process.stop() == 0
        assert container.events() == ["started", "signal", "end"]
        assert not is_there(container.notes()[0]["pid"])


@AS_FIRST
@pytest.mark.parametrize("name", ["comfyui", "wrapped", pytest.param("sdwebui", marks=pytest.mark.soak)])
def test_signal_reaches_the_server_of_a_first_process(entry: Callable[[str], Entry], name: str) -> None:
    container, command = entry(name)
    environment = container.environment(STAND_IN="careful")
    with container.started(command, environment, as_first_process=True) as process:
        assert process.stop() == 0
        assert container.events() == ["started", "signal", "end"]


def test_server_that_does_not_stop_is_killed_before_its_container_ends(entry: Callable[[str], Entry]) -> None:
    container, command = entry("wrapped")
    environment = container.environment(STAND_IN="unresponsive", STOP_GRACE_S="0.1")
    with container.started(command, environment) as process:
        assert process.stop() == KILLED
        assert not is_there(container.notes()[0]["pid"])


def test_server_is_killed_once_its_time_is_over_however_many_signals_it_receives(entry: Callable[[str], Entry]) -> None:
    container, command = entry("wrapped")
    environment = container.environment(STAND_IN="at-work", STOP_GRACE_S="0.1")
    with container.started(command, environment) as process:
        os.kill(process.pid, signal.SIGTERM)
        until(lambda: "signal" in container.events())
        assert process.stop(signal.SIGINT) == KILLED
        assert "end" not in container.events()


@pytest.mark.parametrize(
    "number", [signal.SIGINT, *(pytest.param(one, marks=pytest.mark.soak) for one in (signal.SIGQUIT, signal.SIGHUP))]
)
def test_other_stop_signals_of_images_stop_the_server_as_well(
    entry: Callable[[str], Entry], number: signal.Signals
) -> None:
    container, command = entry("wrapped")
    with container.started(command, container.environment(STAND_IN="careful")) as process:
        assert process.stop(number) == 0
        assert container.events() == ["started", "signal", "end"]


def test_server_that_ends_by_itself_ends_its_container_and_the_janitor(entry: Callable[[str], Entry]) -> None:
    container, command = entry("comfyui")
    with container.started(command, container.environment(STAND_IN="ends")) as process:
        assert process.wait() == 7
        until(lambda: not [pid for pid in processes() if str(container.scratch).encode() in command_line(pid)])


def processes() -> Iterator[int]:
    return (int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdigit())


def command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # it has exited
        return b""


def test_command_that_cannot_be_run_ends_its_container(entry: Callable[[str], Entry]) -> None:
    container, command = entry("wrapped")
    with container.started([*command[:4], "/there/is/none"], container.environment()) as process:
        assert process.wait() == 127


def test_container_that_is_stopped_before_its_server_starts_ends(entry: Callable[[str], Entry], tmp_path: Path) -> None:
    container, command = entry("comfyui")
    environment = container.environment()
    shadow("mkdir", 'kill -TERM "$PPID"', environment, tmp_path)
    with container.started(command, environment) as process:
        assert process.wait() == 128 + signal.SIGTERM
        assert container.events() == []


@pytest.mark.parametrize("search", ['kill -TERM "$PPID"; exec sleep 60', 'trap "" TERM; kill -TERM "$PPID"'])
def test_container_that_is_stopped_while_it_looks_for_its_model_ends(
    entry: Callable[[str], Entry], tmp_path: Path, search: str
) -> None:
    container, command = entry("sdwebui")
    # What ignores the signal ends by itself: it is not to be killed before, however slow the machine is.
    environment = container.environment(MODEL_FILENAME="elsewhere", STOP_GRACE_S="60")
    shadow("find", f'case "$1" in -L) {search} ;; esac', environment, tmp_path)
    with container.started(command, environment) as process:
        assert process.wait() == 128 + signal.SIGTERM
        assert container.events() == []


def test_container_that_is_stopped_while_its_server_starts_ends(entry: Callable[[str], Entry], tmp_path: Path) -> None:
    container, command = entry("wrapped")
    environment = container.environment()
    shadow("python3", 'kill -TERM "$PPID"', environment, tmp_path)
    with container.started(command, environment) as process:
        assert process.wait() == 128 + signal.SIGTERM


def shadow(program: str, first: str, environment: dict[str, str], folder: Path) -> None:
    """Run a command before a program."""
    real = shutil.which(program, path=environment["PATH"])
    (folder / "bin").mkdir(exist_ok=True)
    (folder / "bin" / program).write_text(f'#!/bin/sh\n{first}\nexec {real} "$@"\n')
    (folder / "bin" / program).chmod(stat.S_IRWXU)
    environment["PATH"] = f"{folder / 'bin'}:{environment['PATH']}"


@AS_FIRST
@pytest.mark.parametrize("name", ["wrapped", pytest.param("comfyui", marks=pytest.mark.soak)])
def test_first_process_collects_what_the_server_leaves_behind(entry: Callable[[str], Entry], name: str) -> None:
    container, command = entry(name)
    with container.started(command, container.environment(STAND_IN="orphan"), as_first_process=True):
        until(lambda: "collected" in container.events())


def test_wrapped_command_has_nothing_that_kubernetes_would_replace(entry: Callable[[str], Entry]) -> None:
    script = entry("wrapped")[1][2]
    assert "$(" not in script
    assert "$$" not in script
