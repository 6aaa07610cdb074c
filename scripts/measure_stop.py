"""Measure how long an inference server takes to stop: from the stop signal of the container to the exit of process 1.

    .venv/bin/python scripts/measure_stop.py

A terminating pod keeps its GPU for this time. The real start scripts run with stand-ins for the servers, as process 1
of a PID namespace if the user is root. An idle ComfyUI has no signal handler, an idle SD Web UI exits at once, and a
busy server would first complete its task. `--without` adds a server that is process 1 itself, as in images by reference
without `inferenceApi.command`. A figure beyond its limit is marked, but does not change the exit status.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from rich.table import Table

from sd_on_eks.config.workload import InferenceApi
from sd_on_eks.manifests.runtime_container import command_of
from terminal import Terminal
from tests.fakes.runtime_container import PROGRAMS, RuntimeContainer

LIMIT_S: Final = 5.0
WRAPPED: Final = "image by reference"
PATIENCE_S: Final = 10.0
"""Timeout for a server that does not stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A case.

    Attributes:
        image: a runtime type, or an image by reference.
        state: `idle` or `at work`.
        stand_in: behavior of the stand-in.
        has_script: whether the start script or the wrapper runs it.
    """

    image: str
    state: str
    stand_in: str
    has_script: bool = True


CASES: Final = (
    Case(image="comfyui", state="idle", stand_in="plain"),
    Case(image="comfyui", state="at work", stand_in="unresponsive"),
    Case(image="sdwebui", state="idle", stand_in="careful"),
    Case(image="sdwebui", state="at work", stand_in="at-work"),
    Case(image=WRAPPED, state="idle", stand_in="plain"),
    Case(image=WRAPPED, state="at work", stand_in="unresponsive"),
)
WITHOUT: Final = Case(image="without the script", state="idle", stand_in="plain", has_script=False)


def main() -> int:
    """Measure and print; exit status 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1, help="parallel runs of each case; the longest time counts")
    parser.add_argument("--without", action="store_true", help="also measure a server without the script")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON on standard output")
    arguments = parser.parse_args()

    cases = (*CASES, *((WITHOUT,) if arguments.without else ()))
    waiting = Terminal().waiting(f"stopping {len(cases) * arguments.runs} servers")
    with waiting, ThreadPoolExecutor(max_workers=len(cases) * arguments.runs) as threads:
        runs = [threads.map(stop_s, cases) for _ in range(arguments.runs)]
        figures = [max(times) for times in zip(*runs, strict=True)]
    if arguments.json:
        print(json.dumps([asdict(case) | {"stop_s": figure} for case, figure in zip(cases, figures, strict=True)]))
    else:
        show(cases, figures)
    return 0


def stop_s(case: Case) -> float:
    """Seconds from the signal to the exit of process 1 of the container; at most `PATIENCE_S`."""
    with tempfile.TemporaryDirectory() as folder:
        container = RuntimeContainer(case.image if case.image in PROGRAMS else "comfyui", Path(folder))
        environment = container.environment(STAND_IN=case.stand_in)
        with container.started(command(case, container), environment, as_first_process=is_root()) as process:
            began = time.perf_counter()
            try:
                process.stop(patience_s=PATIENCE_S)
            except TimeoutError:
                return PATIENCE_S
            return time.perf_counter() - began


def command(case: Case, container: RuntimeContainer) -> Sequence[str]:
    """The command in the container."""
    if case.image in PROGRAMS:
        return container.command
    return command_of(InferenceApi(command=container.wrapped)) if case.has_script else container.wrapped


def is_root() -> bool:
    """Whether a PID namespace can be created."""
    return os.geteuid() == 0


def show(cases: Sequence[Case], figures: Sequence[float]) -> None:
    """Print the figures."""
    process = "process 1 of a PID namespace" if is_root() else "a normal process, because a PID namespace needs root"
    shown = Table("server", "state", "signal to exit, s", "limit s", title=f"Stopped as {process}")
    for case, figure in zip(cases, figures, strict=True):
        measured = f"{figure:.2f}" if figure < PATIENCE_S else f"over {PATIENCE_S:.0f}"
        shown.add_row(
            case.image,
            case.state,
            measured + ("  (beyond the limit)" if figure > LIMIT_S else ""),
            f"{LIMIT_S:.0f}" if case.has_script else "",
        )
    Terminal(sys.stdout).table(shown)


if __name__ == "__main__":
    sys.exit(main())
