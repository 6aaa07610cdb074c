"""Bring the local stack up in the background, wait until it serves, and print how to use it.

make up              on port 4566
make up PORT=4567    on another; two stacks may be up side by side
make down            ends it
"""

import argparse
import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from local_stack.errors import LocalStackError, check_room, words
from local_stack.interruption import Interruption
from local_stack.stack_folder import Lock, StackFolder, StackState
from sd_on_eks.config.config import Config
from sd_on_eks.config.errors import ConfigError
from sd_on_eks.config.loader import load_config
from terminal import Terminal

ROOT: Final = Path(__file__).resolve().parents[2]
DEFAULT_FOLDER: Final = ROOT / ".local"
DEFAULT_PORT: Final = 4566
"""Where emulators of AWS listen by custom, and below the ports that the kernel gives to others by chance."""

_FAILURE: Final = 1
_USAGE_ERROR: Final = 2
_INTERRUPTED: Final = 130
_LOOK_S: Final = 0.05
_STOP_S: Final = 30
_LAST_LINES: Final = 15

_HOW_TO_USE_IT: Final = """\
the local stack is up on port {port}

  ENDPOINT   {endpoint}
  API_KEY    {key}
  runtimes   {runtimes}
  bucket     {bucket}
  logs       {logs}

In sh, bash or zsh:

  . {environment_file}
  curl "${{ENDPOINT}}v1alpha2/tasks?runtime={runtime}" --header "x-api-key: $API_KEY"
  .venv/bin/python docs/api-examples/text_to_image.py
  .venv/bin/node docs/api-examples/text_to_image.mjs

The file has the variables of the examples in docs/api.md, those of AWS's tools and of scripts/test_api.py, and the
certificate's authority among those that you trust anyway: CURL_CA_BUNDLE for curl, SSL_CERT_FILE and REQUESTS_CA_BUNDLE
for Python, NODE_EXTRA_CA_CERTS for Node. leave_local_stack gives the shell back what it had before.
docs/local-stack.md says more. {end} ends it.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Bring a stack up.

    Returns:
        Exit status: 0 when it is up, or was already; 1 when it cannot be brought up; 2 for a wrong configuration or
        port; 130 after Ctrl-C.
    """
    options = _options(arguments)
    terminal = Terminal()
    folder = StackFolder(options.folder.absolute(), options.port)
    further = [word for name in options.checkpoint for word in ("--checkpoint", name)]
    further += ["--emulator", str(options.emulator.absolute())] if options.emulator else []
    try:
        config = load_config()
        state = _bring_up(folder, further, terminal)
    except ConfigError as error:
        terminal.line(str(error))
        return _USAGE_ERROR
    except (LocalStackError, OSError) as error:
        terminal.line(f"local stack: {words(error, folder.path)}")
        return _FAILURE
    except KeyboardInterrupt:
        terminal.line("interrupted")
        return _INTERRUPTED
    _warn_of_another_configuration(state, config, terminal)
    print(how_to_use_it(folder, state), end="")
    return 0


def how_to_use_it(folder: StackFolder, state: StackState) -> str:
    """Text for a person who has a stack up."""
    runtime = "SDWEBUI_RUNTIME" if "SDWEBUI_RUNTIME" in state.variables else "COMFYUI_RUNTIME"
    return _HOW_TO_USE_IT.format(
        port=state.port,
        endpoint=state.variables["ENDPOINT"],
        key=state.variables["API_KEY"],
        runtimes=", ".join(f"{name} ({kind})" for name, kind in state.runtimes.items()),
        bucket=state.variables["OUTPUT_BUCKET"],
        logs=shown(folder.path / "*.log"),
        environment_file=shown(folder.environment_file),
        runtime=f"${runtime}",
        end=_with_port("make down", state.port),
    )


def _with_port(command: str, number: int) -> str:
    return command if number == DEFAULT_PORT else f"{command} PORT={number}"


def shown(path: Path) -> str:
    """A path as the person would write it."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def port(text: str) -> int:
    """A port, for argparse.

    Raises:
        argparse.ArgumentTypeError: it is not a port.
    """
    if text.isdecimal() and 0 < int(text) < 2**16:
        return int(text)
    raise argparse.ArgumentTypeError(f"PORT must be a number from 1 to 65535, got {text!r}")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m local_stack.up", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=port, default=DEFAULT_PORT, help="where it serves, on loopback (default 4566)")
    parser.add_argument(
        "--checkpoint", action="append", default=[], metavar="NAME", help="a further one that the stand-ins have"
    )
    parser.add_argument("--folder", type=Path, default=DEFAULT_FOLDER, help="where its folder goes (default .local)")
    parser.add_argument(
        "--emulator", type=Path, default=None, help="virtual environment of the emulator (default .venv-emulator)"
    )
    return parser.parse_args(arguments)


def _bring_up(folder: StackFolder, further: Sequence[str], terminal: Terminal) -> StackState:
    """Wait until the stack serves: the one that is up, or one that is started for it.

    Raises:
        LocalStackError: it cannot be brought up, or was stopped meanwhile.
    """
    interruption = Interruption()
    lock = folder.take()
    while lock is None and ((state := folder.state()) is None or state.phase == "stopping"):
        interruption.check()
        time.sleep(_LOOK_S)
        lock = folder.take()
    if lock is None:
        return _wait(folder, None, interruption, terminal)
    with lock:
        _check_port(folder.port)
        check_room(folder.path)
        _report_previous(folder, terminal)
        folder.clear()
        supervisor = _start(folder, lock, further)
    try:
        return _wait(folder, supervisor, interruption, terminal)
    except KeyboardInterrupt:
        supervisor.terminate()
        with suppress(subprocess.TimeoutExpired):
            supervisor.wait(_STOP_S)
            _remove(folder)
            terminal.line("everything is stopped")
        raise


def _remove(folder: StackFolder) -> None:
    """Remove what a supervisor left that was stopped before it could hear of it."""
    lock = folder.take()
    if lock is not None:
        with lock:
            folder.remove()


def _start(folder: StackFolder, lock: Lock, further: Sequence[str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "local_stack.supervisor", "--port", str(folder.port)]
    command += ["--folder", str(folder.path.parent), "--lock", str(lock.descriptor), *further]
    with folder.log.open("ab") as log:
        return subprocess.Popen(  # noqa: S603 (our own command)
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=[lock.descriptor],
        )


def _wait(
    folder: StackFolder, supervisor: subprocess.Popen[bytes] | None, interruption: Interruption, terminal: Terminal
) -> StackState:
    step = ""
    with terminal.waiting("starting") as wait:
        while True:
            interruption.check()
            has_ended = _has_ended(folder, supervisor)
            state = folder.state()
            if state is not None and state.phase == "serving" and not has_ended:
                if supervisor is None and not step:
                    terminal.line("it is up already")
                return state
            if state is not None and state.phase == "broken":
                raise LocalStackError(state.error)
            if has_ended:
                raise LocalStackError(f"it was stopped before it served{_last_lines(folder)}")
            if state is not None and state.step != step:
                step = state.step
                wait.update(step)
                if not terminal.is_animated:
                    terminal.line(step)
            time.sleep(_LOOK_S)


def _has_ended(folder: StackFolder, supervisor: subprocess.Popen[bytes] | None) -> bool:
    if supervisor is not None:
        return supervisor.poll() is not None
    lock = folder.take()
    if lock is not None:
        lock.release()
    return lock is not None


def _last_lines(folder: StackFolder) -> str:
    try:
        lines = folder.log.read_text(errors="replace").splitlines()[-_LAST_LINES:]
    except FileNotFoundError:
        return ""
    return "".join(["; the last lines of its log:", *(f"\n    {line}" for line in lines)])


def _report_previous(folder: StackFolder, terminal: Terminal) -> None:
    state = folder.state()
    if state is None:
        return
    why = f"broke: {state.error}" if state.phase == "broken" else "ended without `make down`: its supervisor was killed"
    logs = shown(folder.path / "previous")
    terminal.line(
        f"the local stack that was up on port {folder.port} {why}\nits logs are in {logs}; a new one is brought up",
    )


def _check_port(number: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", number))
        except PermissionError as error:
            raise LocalStackError(f"port {number} is for root alone; choose one over 1023: make up PORT=...") from error
        except OSError as error:
            raise LocalStackError(
                f"port {number} is in use by another program (another emulator of AWS, or the stack of another "
                "clone); end that, or choose another port: make up PORT=..."
            ) from error


def _warn_of_another_configuration(state: StackState, config: Config, terminal: Terminal) -> None:
    if state.config != config.model_dump_json(by_alias=True):
        down, up = (_with_port(command, state.port) for command in ("make down", "make up"))
        terminal.line(f"the configuration has changed since it was brought up; `{down}` and `{up}` apply that")


if __name__ == "__main__":
    sys.exit(main())
