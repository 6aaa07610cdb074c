"""Runs the start script of an image without a container, with a stand-in for the server."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from sd_on_eks.runtime.image_contexts import image_context
from tests.fakes.interrupts import take_interrupts

STAND_IN: Final = Path(__file__).with_name("stand_in_server.py")
PROGRAMS: Final = {"comfyui": "main.py", "sdwebui": "launch.py"}
AS_FIRST_PROCESS: Final = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")
"""Runs a command as process 1 of a new PID namespace; needs root."""

_PATIENCE_S: Final = 60.0


class RuntimeContainer:
    """The files of a runtime image in `/opt`, and folders for the volumes of a pod.

    Attributes:
        models: the model bucket.
        scratch: files of the server.
        journal: events of the stand-in.
    """

    def __init__(self, runtime_type: str, folder: Path) -> None:
        self.models, self.scratch, self.journal = folder / "models", folder / "scratch", folder / "journal"
        self._app, self._opt = folder / "app", folder / "opt"
        self.models.mkdir(parents=True)
        (self._app / "extensions" / "controlnet").mkdir(parents=True)
        (self._app / PROGRAMS[runtime_type]).symlink_to(STAND_IN)
        with image_context(runtime_type) as context:
            shutil.copytree(context, self._opt)

    def environment(self, **more: str) -> dict[str, str]:
        """Environment variables of the Dockerfile and of the stand-in."""
        return {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PORT": "0",
            "MODELS_DIR": str(self.models),
            "SCRATCH_DIR": str(self.scratch),
            "HOME": str(self.scratch / "home"),
            "APP_DIR": str(self._app),
            "STAND_IN_JOURNAL": str(self.journal),
            **more,
        }

    @property
    def command(self) -> list[str]:
        """The entry point."""
        return [str(self._opt / "start.sh")]

    @property
    def wrapped(self) -> tuple[str, ...]:
        """A command of an image by reference."""
        return ("python3", str(self._app / "main.py"), "--port", "0")

    def notes(self) -> list[dict[str, Any]]:
        """The journal of the stand-in."""
        return [json.loads(line) for line in self.journal.read_text().splitlines()] if self.journal.exists() else []

    def events(self) -> list[str]:
        """Names of the stand-in's events."""
        return [note["event"] for note in self.notes()]

    @contextmanager
    def started(
        self, command: Sequence[str], environment: Mapping[str, str], *, as_first_process: bool = False
    ) -> Iterator["ContainerProcess"]:
        """Run a command until the server has started; its remaining processes are killed afterwards."""
        before = AS_FIRST_PROCESS if as_first_process else ()
        with subprocess.Popen(  # noqa: S603 (our own commands)
            [*before, *command],
            env=dict(environment),
            start_new_session=True,
            preexec_fn=take_interrupts,  # noqa: PLW1509 (one call)
        ) as process:
            try:
                until(lambda: "started" in self.events() or process.poll() is not None)
                yield ContainerProcess(process, is_namespace=as_first_process)
            finally:
                # Also after its exit: its process group may still run.
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)


class ContainerProcess:
    """The container's first process."""

    def __init__(self, process: "subprocess.Popen[bytes]", *, is_namespace: bool) -> None:
        self._process = process
        self.pid = process.pid
        if is_namespace:
            (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            self.pid = int(child)

    def stop(self, number: signal.Signals = signal.SIGTERM, *, patience_s: float = _PATIENCE_S) -> int:
        """Send the stop signal, wait for the exit, and return the exit status.

        Raises:
            TimeoutError: the process does not exit.
        """
        os.kill(self.pid, number)
        return self.wait(patience_s=patience_s)

    def wait(self, *, patience_s: float = _PATIENCE_S) -> int:
        """Wait for the exit, and return the exit status.

        Raises:
            TimeoutError: the process does not exit.
        """
        try:
            return self._process.wait(patience_s)
        except subprocess.TimeoutExpired as error:
            raise TimeoutError("the container does not stop") from error


def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition.

    Raises:
        TimeoutError: the condition did not become true.
    """
    deadline = time.monotonic() + _PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the condition did not become true")
        time.sleep(0.005)
