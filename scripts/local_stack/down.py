"""Stop the local stack that `make up` left up, and remove what it wrote.

make down              the one on port 4566
make down PORT=4567    the one on another port
"""

import argparse
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from local_stack.errors import LocalStackError, words
from local_stack.stack_folder import Lock, StackFolder
from local_stack.up import DEFAULT_FOLDER, DEFAULT_PORT, port

_FAILURE: Final = 1
_STOP_S: Final = 30
_LOOK_S: Final = 0.05


def main(arguments: Sequence[str] | None = None) -> int:
    """Stop a stack.

    Returns:
        Exit status: 0 when nothing is up any more; 1 when it cannot be stopped.
    """
    parser = argparse.ArgumentParser(
        prog="python -m local_stack.down", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=port, default=DEFAULT_PORT, help="where it serves (default 4566)")
    parser.add_argument("--folder", type=Path, default=DEFAULT_FOLDER, help="where its folder is (default .local)")
    options = parser.parse_args(arguments)
    folder = StackFolder(options.folder.absolute(), options.port)
    try:
        said = _stop(folder)
    except (LocalStackError, OSError) as error:
        print(f"local stack: {words(error, folder.path)}", file=sys.stderr)
        return _FAILURE
    print(said)
    return 0


def _stop(folder: StackFolder) -> str:
    existed = folder.path.exists()
    lock = folder.take() if existed else None
    if existed and lock is None:
        with _stop_holder(folder):
            folder.remove()
        return f"the local stack on port {folder.port} is stopped"
    others = [f"one is up on port {other}: make down PORT={other}" for other in folder.others()]
    said = "; ".join([f"no local stack is up on port {folder.port}", *others])
    if lock is None:
        return said
    with lock:
        state = folder.state()
        folder.remove()
    if state is None:
        return said
    why = f"broke: {state.error}" if state.phase == "broken" else "was killed"
    return f"{said}\nthe one that was up {why}; what it left is removed"


def _stop_holder(folder: StackFolder) -> Lock:
    """Stop the process that has the folder, and take the folder after it."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + _STOP_S
        signaled = None
        while time.monotonic() < deadline:
            lock = folder.take()
            if lock is not None:
                return lock
            state = folder.state()  # none yet where it has only begun
            if state is not None and state.pid != signaled:
                signaled = state.pid
                os.kill(signaled, number)
            time.sleep(_LOOK_S)
    raise LocalStackError(f"the process that has {folder.path} does not end")


if __name__ == "__main__":
    sys.exit(main())
