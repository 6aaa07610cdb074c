"""Holds a stack that stays up, in its own session, and reports its status in its folder.

SIGTERM stops everything and removes the folder. When a child dies, everything is stopped and the folder stays, with the
reason. When the supervisor itself is killed, the kernel kills its children. Run by `local_stack.up`.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from local_stack.client_environment import client_variables, environment_script
from local_stack.errors import LocalStackError, words
from local_stack.interruption import Interruption
from local_stack.stack import LocalStack
from local_stack.stack_folder import Lock, StackFolder, StackState
from local_stack.trust_bundle import write_trust_bundle
from sd_on_eks.config.errors import ConfigError
from sd_on_eks.config.loader import load_config

_LOOK_S: Final = 0.5


class Supervisor:
    """Brings a stack up and holds it.

    Args:
        folder: its folder.
        lock: that the folder is this process's own.
        emulator: virtual environment of the emulator.
        checkpoints: further ones that the stand-ins have.
    """

    def __init__(self, folder: StackFolder, lock: Lock, *, emulator: Path | None, checkpoints: Sequence[str]) -> None:
        self._folder = folder
        self._lock = lock
        self._emulator = emulator
        self._checkpoints = checkpoints
        self._interruption = Interruption()
        self._state = StackState(
            pid=os.getpid(), port=folder.port, phase="starting", variables={}, runtimes={}, runtime_urls={}
        )

    def run(self) -> int:
        """Hold the stack until a signal, or until it breaks.

        Returns:
            Exit status: 0 after a signal, 1 when it is broken.
        """
        try:
            self._report("reading the configuration")
            self._hold()
        except KeyboardInterrupt:
            self._folder.remove()
        except (ConfigError, LocalStackError, OSError) as error:
            reason = words(error, self._folder.path)
            _log(f"broken: {reason}")
            self._write(replace(self._state, phase="broken", error=reason))
            return 1
        _log("everything is stopped")
        return 0

    def _hold(self) -> None:
        config = load_config()
        self._state = replace(
            self._state,
            config=config.model_dump_json(by_alias=True),
            runtimes={runtime.name: runtime.type for runtime in config.models_runtime},
        )
        with LocalStack(
            config,
            folder=self._folder.path,
            port=self._folder.port,
            authority=self._folder.authority,
            checkpoints=self._checkpoints,
            emulator_home=self._emulator,
            report=self._report,
        ) as stack:
            write_trust_bundle(self._folder.trust_bundle, stack.emulator.ca_bundle, os.environ)
            variables = client_variables(stack, config, self._folder.trust_bundle)
            self._folder.write_environment(environment_script(variables))
            urls = {name: stack.runtime_url(name) for name in stack.runtimes}
            self._write(replace(self._state, phase="serving", step="", variables=variables, runtime_urls=urls))
            _log("serving")
            try:
                self._look_after(stack)
            except KeyboardInterrupt:
                self._write(replace(self._state, phase="stopping"))
                raise

    def _look_after(self, stack: LocalStack) -> None:
        while self._lock.is_valid():
            self._interruption.check()
            stack.check()
            time.sleep(_LOOK_S)
        _log("the folder has been removed")

    def _report(self, step: str) -> None:
        self._interruption.check()
        _log(step)
        self._write(replace(self._state, step=step))

    def _write(self, state: StackState) -> None:
        self._state = state
        self._folder.write(state)


def _log(sentence: str) -> None:
    print(time.strftime("%Y-%m-%dT%H:%M:%S"), sentence, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Hold a stack.

    Returns:
        Exit status: 0 after a signal; 1 when the stack broke, or another process has its folder.
    """
    parser = argparse.ArgumentParser(
        prog="python -m local_stack.supervisor",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True, help="where the folders of all stacks are")
    parser.add_argument("--lock", type=int, default=None, metavar="DESCRIPTOR", help="of the folder, held already")
    parser.add_argument("--emulator", type=Path, default=None, help="virtual environment of the emulator")
    parser.add_argument("--checkpoint", action="append", default=[], help="a further one that the stand-ins have")
    options = parser.parse_args(arguments)
    folder = StackFolder(options.folder, options.port)
    lock = folder.take(descriptor=options.lock)
    if lock is None:
        _log("another process has the folder")
        return 1
    with lock:
        return Supervisor(folder, lock, emulator=options.emulator, checkpoints=options.checkpoint).run()


if __name__ == "__main__":
    sys.exit(main())
