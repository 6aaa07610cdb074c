"""`python -m tests.fakes.stand_in_runtime --type sdwebui --port 7860`: a stand-in on loopback."""

import argparse
import os
import signal
import sys
from pathlib import Path

from aiohttp import web

from .application import make_app
from .sdwebui import MODELS


def main() -> None:
    """Serve until a signal."""
    parser = argparse.ArgumentParser(description="A stand-in inference server, for tests and the local stack only.")
    parser.add_argument("--type", choices=("sdwebui", "comfyui"), required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--seconds-per-task", type=float, default=0.5)
    parser.add_argument("--seconds-per-node", type=float, default=0.0, help="each node before the inference (ComfyUI)")
    parser.add_argument("--image-bytes", type=int, default=None, help="images of noise of this size")
    parser.add_argument("--model", action="append", default=[], help="an additional checkpoint of the server")
    parser.add_argument("--journal", type=Path, default=None, help="journal of all inferences")
    options = parser.parse_args()
    sys.stderr.write(f"stand-in for {options.type}: for tests and the local stack only; its images show the prompt\n")
    app = make_app(
        options.type,
        seconds_per_task=options.seconds_per_task,
        journal=options.journal,
        image_bytes=options.image_bytes,
        models=tuple(dict.fromkeys([*options.model, *MODELS])),
        seconds_per_node=options.seconds_per_node,
    )
    if options.type == "comfyui":
        # The real ComfyUI exits at once; the SD Web UI completes the running request first.
        signal.signal(signal.SIGTERM, lambda *_: os._exit(143))
    web.run_app(
        app,
        host="127.0.0.1",
        port=options.port,
        print=None,
        handle_signals=options.type == "sdwebui",
        shutdown_timeout=60,
    )


if __name__ == "__main__":
    main()
