#!/usr/bin/env python3
"""Make .venv (the app), .venv-emulator (AWS on this machine) and node_modules (the CDK's command line).

    python3 scripts/set_up.py        what every make target does first: `make setup`

They are made with the Python that runs this program: `make PYTHON=python3.12 setup` names another one. What is made
already is left alone. An environment is made again where it was not finished, where another Python made it, or where
the clone was moved; it is synchronized where a lock file has changed. Two set-ups at once wait for each other.

Packages come from the index that pip, uv and npm are configured with, and are checked against the lock files' hashes.
Exit status: 0 if all is there, 1 if something failed, 2 if an option or the Python is wrong, 130 after Ctrl-C.
"""

import signal
import sys

OLDEST = (3, 11)


def check_python() -> None:
    """End with a sentence where this Python is too old; Python 3.8 must be able to read this file."""
    if sys.version_info < OLDEST:
        version = ".".join(map(str, sys.version_info[:3]))
        sys.stderr.write(
            f"set-up: Python must be 3.11 or newer, got {version} ({sys.executable}): "
            "name another with `make PYTHON=python3.12 setup`\n"
        )
        sys.exit(2)


if __name__ == "__main__":
    if signal.getsignal(signal.SIGINT) == signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # it ends this without a traceback until it is handled
    check_python()
    from environments.program import main

    sys.exit(main(__doc__))
