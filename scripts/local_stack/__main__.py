"""The main job on this machine: bring the local stack up, send a task of each kind, show the images.

`make local` is this; then everything is stopped. `make up` leaves it up: local_stack.up.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from local_stack.emulator import ROOT
from local_stack.errors import LocalStackError, words
from local_stack.interruption import Interruption
from local_stack.stack import LocalStack
from sd_on_eks.config.config import Config
from sd_on_eks.config.errors import ConfigError
from sd_on_eks.config.loader import load_config
from terminal import Terminal

_FAILURE: Final = 1
_USAGE_ERROR: Final = 2
_INTERRUPTED: Final = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the main job.

    Returns:
        Exit status: 0 when every image is there; 1 when something failed; 2 for a wrong configuration; 130 after
        Ctrl-C.
    """
    options = _options(arguments)
    terminal = Terminal()
    interruption = Interruption()

    def report(sentence: str) -> None:
        interruption.check()
        terminal.line(sentence)

    try:
        config = load_config()
        with LocalStack(config, emulator_home=options.emulator, report=report) as stack:
            return _send_tasks(stack, config, interruption, options.output, terminal)
    except ConfigError as error:
        terminal.line(str(error))
        return _USAGE_ERROR
    except (LocalStackError, OSError) as error:
        terminal.line(f"local stack: {words(error, Path(tempfile.gettempdir()))}")
        return _FAILURE
    except KeyboardInterrupt:
        terminal.line("interrupted; everything is stopped")
        return _INTERRUPTED


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m local_stack", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=ROOT / ".local" / "images",
        help="folder for the images (default .local/images)",
    )
    parser.add_argument(
        "--emulator", type=Path, default=None, help="virtual environment of the emulator (default .venv-emulator)"
    )
    return parser.parse_args(arguments)


def _send_tasks(stack: LocalStack, config: Config, interruption: Interruption, output: Path, terminal: Terminal) -> int:
    output.mkdir(parents=True, exist_ok=True)
    test_api = str(ROOT / "scripts" / "test_api.py")
    command = [sys.executable, test_api, config.stack_name, "--output", str(output)]
    with subprocess.Popen(command, env=stack.environment()) as test:  # noqa: S603 (our own script)
        while test.poll() is None:
            try:
                interruption.check()
                stack.check()
                time.sleep(0.1)
            except (LocalStackError, KeyboardInterrupt):
                test.terminate()
                raise
    if test.returncode != 0:
        terminal.line("scripts/test_api.py failed")
        return _FAILURE
    terminal.line(f"the images are in {output}", style="bold")
    return 0


if __name__ == "__main__":
    sys.exit(main())
