"""Measure synthesis: `python app.py`, also with few and many runtimes, and `cdk synth`, as medians of several runs.

    .venv/bin/python scripts/bench_synth.py --runs 5

The commands take turns. Prints seconds of wall time with minimum and maximum, the share of each figure in its limit,
how much longer many runtimes take than few, and what was made. A figure beyond its limit is marked and does not change
the exit status: machines differ, and a time is never a test.
"""

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from rich.table import Table

from sd_on_eks.cdk_app.jsii_node import use_bundled_node
from sd_on_eks.config.loader import ENVIRONMENT_VARIABLE
from terminal import Terminal

ROOT: Final = Path(__file__).resolve().parents[1]

FEW: Final = 2
MANY: Final = 30
MOST_TIMES_LONGER: Final = 2.0
"""Many runtimes against few: most of the time must go to what is made once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """Wall times of one command, in seconds."""

    name: str
    command: Sequence[str]
    limit_s: float | None = None
    config: Path | None = None
    runs_s: list[float] = field(default_factory=list)

    @property
    def median_s(self) -> float:
        """The figure to quote."""
        return statistics.median(self.runs_s)


def measure(figure: Figure) -> float:
    """Seconds of wall time of one run in a folder of its own.

    Raises:
        subprocess.CalledProcessError: the command failed; its output is in the error.
    """
    config = {} if figure.config is None else {ENVIRONMENT_VARIABLE: str(figure.config)}
    with tempfile.TemporaryDirectory() as out:
        started = time.perf_counter()
        subprocess.run(  # noqa: S603 (our own commands)
            [*figure.command],
            cwd=ROOT,
            env={**os.environ, **config, "CDK_OUTDIR": out},
            check=True,
            capture_output=True,
        )
        return time.perf_counter() - started


def write_config(folder: Path, runtimes: int) -> Path:
    """A configuration of so many runtimes, half of either type."""
    file = folder / f"{runtimes}-runtimes.yaml"
    lines = (f"- {{name: runtime-{n}, type: {('sdwebui', 'comfyui')[n % 2]}}}\n" for n in range(runtimes))
    file.write_text("modelsRuntime:\n" + "".join(lines), encoding="utf-8")
    return file


def resources() -> dict[str, int]:
    """How many resources the last `make synth` made."""
    template = json.loads((ROOT / "cdk.out" / "SdOnEKSStack.template.json").read_text())
    return {"resources": len(template["Resources"]), "template_bytes": len(json.dumps(template))}


def main() -> int:
    """Run the benchmark; exit status 0, or 1 where a command failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5, help="counted runs of each command (default 5)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON on standard output")
    arguments = parser.parse_args()

    use_bundled_node()
    with tempfile.TemporaryDirectory() as folder:
        return run(Path(folder), runs=arguments.runs, as_json=arguments.json)


def run(folder: Path, *, runs: int, as_json: bool) -> int:
    """Measure and print; exit status as of `main`.

    Args:
        folder: where configurations may be written.
        runs: counted runs of each command.
        as_json: print JSON.
    """
    app = (sys.executable, "app.py")
    cdk = (os.environ["JSII_NODE"], str(ROOT / "node_modules" / "aws-cdk" / "bin" / "cdk"))
    few, many = (
        Figure(name=f"python app.py, {count} runtimes", command=app, config=write_config(folder, count))
        for count in (FEW, MANY)
    )
    figures = (
        Figure(name="python app.py", command=app, limit_s=5),
        Figure(name="cdk synth", command=(*cdk, "synth", "--quiet", "--output", "cdk.out"), limit_s=8),
        few,
        many,
    )
    terminal = Terminal()
    try:
        # The first round warms the caches and is not counted; then the commands take turns, so that a machine that
        # slows down slows all.
        for turn in terminal.each(range(runs + 1), "synthesizing"):
            for figure in figures:
                seconds = measure(figure)
                if turn > 0:
                    figure.runs_s.append(seconds)
    except subprocess.CalledProcessError as error:
        terminal.line(f"{shlex.join(error.cmd)} failed with status {error.returncode}:\n{error.stderr.decode()}")
        return 1

    times_longer = many.median_s / few.median_s
    if as_json:
        measured = [{"name": one.name, "limit_s": one.limit_s, "runs_s": one.runs_s} for one in figures]
        print(json.dumps({"figures": measured, "times_longer": times_longer, **resources()}))
        return 0
    shown = Table("command", "median s", "min-max s", "limit s", "share of the limit")
    for figure in figures:
        shown.add_row(
            figure.name,
            f"{figure.median_s:.2f}",
            f"{min(figure.runs_s):.2f}-{max(figure.runs_s):.2f}",
            *(
                ("", "")
                if figure.limit_s is None
                else (f"{figure.limit_s:.0f}", share(figure.median_s, figure.limit_s))
            ),
        )
    shown.add_row(
        f"{MANY} against {FEW} runtimes",
        f"{times_longer:.2f} times",
        "",
        f"{MOST_TIMES_LONGER:.0f} times",
        share(times_longer, MOST_TIMES_LONGER),
    )
    shown_on = Terminal(sys.stdout)
    shown_on.table(shown)
    shown_on.line(", ".join(f"{name}: {count}" for name, count in resources().items()))
    return 0


def share(value: float, limit: float) -> str:
    """A figure's part of its limit."""
    return f"{value / limit:.0%}" + ("  (beyond the limit)" if value > limit else "")


if __name__ == "__main__":
    sys.exit(main())
