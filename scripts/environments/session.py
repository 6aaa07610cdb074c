"""One run of set-up that has something to do: its lock, its interrupts, what it prints."""

import asyncio
import os
import signal
import sys
import time
from typing import Final

from environments.caches import unwritable_caches
from environments.clone import Clone
from environments.command import Tools
from environments.errors import SetUpError
from environments.failure import cause
from environments.lock import SetUpLock
from environments.progress import Progress
from environments.recipes import SetUp

_FAILURE: Final = 1
_INTERRUPTED: Final = 130
_POLL_S: Final = 0.2
_OF_OTHER_PYTHONS: Final = frozenset({"PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV"})


def set_up(clone: Clone) -> int:
    """Make what is not made.

    Args:
        clone: the clone.

    Returns:
        Exit status: 0 if all is there; 1 if something failed; 130 after Ctrl-C.
    """
    progress = Progress(sys.stderr)
    try:
        asyncio.run(_run(clone, progress))
    except SetUpError as error:
        progress.say(str(error))
        progress.quote(error.output)
        return _FAILURE
    except OSError as error:
        progress.say(f"{error.filename or clone.folder} failed: {cause(error.strerror or str(error))}")
        return _FAILURE
    except (asyncio.CancelledError, KeyboardInterrupt):
        progress.say("interrupted; what is half-made is made again by the next `make setup`")
        return _INTERRUPTED
    return 0


async def _run(clone: Clone, progress: Progress) -> None:
    _stop_at_signals()
    showing = asyncio.create_task(progress.run())
    lock = SetUpLock(clone.folder / ".set-up.lock")
    if not lock.acquire():
        with progress.step(f"waiting for another set-up of this clone (process {lock.holder()})"):
            while not lock.acquire():  # noqa: ASYNC110 (another process gives it back)
                await asyncio.sleep(_POLL_S)
    if clone.is_set_up:
        progress.say("the other set-up has made everything")
    else:
        begin_s = time.monotonic()
        tools = Tools(folder=clone.folder, environment=_environment(clone, progress), stdin=lock.descriptor)
        await SetUp(clone, tools, progress).run()
        progress.say(f"done in {time.monotonic() - begin_s:.0f} s")
    showing.cancel()


def _stop_at_signals() -> None:
    """Cancel this task at the first signal; those that follow do not disturb the end of child processes."""
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    stopped = False

    def stop() -> None:
        nonlocal stopped
        if not stopped and task is not None:
            stopped = True
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # as under nohup
            loop.add_signal_handler(number, stop)


def _environment(clone: Clone, progress: Progress) -> dict[str, str]:
    environment = {name: value for name, value in os.environ.items() if name not in _OF_OTHER_PYTHONS}
    unwritable = unwritable_caches(environment)
    if unwritable:
        cache = clone.folder / ".cache"
        folders = ", ".join(map(str, unwritable.values()))
        progress.say(f"{folders} cannot be written: packages are kept in {cache} instead")
        environment |= {variable: str(cache / folder.name.lstrip(".")) for variable, folder in unwritable.items()}
    # Bytecode is written once, here: where people have switched that off, every process would compile for itself.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment | {
        "PATH": f"{clone.app.folder / 'bin'}{os.pathsep}{environment.get('PATH', os.defpath)}",  # npm starts node
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
        "PIP_USER": "0",
    }
