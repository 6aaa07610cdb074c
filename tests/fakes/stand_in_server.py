"""A program that replaces `main.py` or `launch.py`: it binds the address of its arguments. STAND_IN sets its behavior.

It writes its arguments and events to the file STAND_IN_JOURNAL, as JSON lines. With the name `main.py` it parses
arguments like ComfyUI 0.33.0, otherwise like the SD Web UI 1.10.1.
"""

import argparse
import json
import os
import signal
import socket
import sys
import time
from pathlib import Path

JOURNAL = Path(os.environ["STAND_IN_JOURNAL"])
BEHAVIOR = os.environ.get("STAND_IN", "plain")
"""plain: no signal handler, like ComfyUI. careful: completes its work, then exits. at-work: like careful, but the work
takes a minute. unresponsive: ignores signals. ends: exits with status 7. orphan: leaves a child process, and waits
until it has been reaped."""


def note(event: str, **fields: object) -> None:
    with JOURNAL.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"event": event, "pid": os.getpid(), **fields}) + "\n")


def address() -> tuple[str, int]:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int)
    if Path(sys.argv[0]).name == "main.py":
        parser.add_argument("--listen", nargs="?", const="0.0.0.0,::", default="127.0.0.1")
        known = parser.parse_known_args()[0]
        return known.listen.split(",")[0], known.port
    parser.add_argument("--listen", action="store_true")
    parser.add_argument("--server-name")
    known = parser.parse_known_args()[0]
    return (
        known.server_name or "",
        known.port,
    )  # without --server-name, uvicorn binds all interfaces


def stop(*_: object) -> None:
    note("signal")
    if BEHAVIOR == "at-work":
        time.sleep(60)
    note("end")
    sys.exit(0)


def leave_an_orphan() -> None:
    reader, writer = os.pipe()
    if os.fork() == 0:
        orphan = os.fork()
        if orphan:
            os.write(writer, str(orphan).encode())
        os._exit(0)
    os.wait()
    orphan = int(os.read(reader, 20))
    while Path(f"/proc/{orphan}").exists():
        time.sleep(0.005)
    note("collected")


if BEHAVIOR in {"careful", "at-work"}:
    signal.signal(signal.SIGTERM, stop)
elif BEHAVIOR == "unresponsive":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
with socket.create_server(address()) as server:
    note("started", arguments=sys.argv[1:], bound=server.getsockname()[0])
    if BEHAVIOR == "ends":
        sys.exit(7)
    if BEHAVIOR == "orphan":
        leave_an_orphan()
    while True:
        time.sleep(60)
