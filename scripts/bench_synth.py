"""Measure synthesis: `python app.py` and `cdk synth`, taking turns, as medians of several runs.

    .venv/bin/python scripts/bench_synth.py --runs 5

Prints seconds of wall time with minimum and maximum, the share of each figure in its limit, and what was made. A figure
beyond its limit is marked and does not change the exit status: machines differ, and a time is never a test.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import track
from rich.table import Table

from sd_on_eks.jsii_node import use_bundled_node

ROOT: Final = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """Wall times of one command, in seconds."""

    command: str
    limit_s: float
    runs_s: list[float]

    @property
    def median_s(self) -> float:
        """The figure to quote."""
        return statistics.median(self.runs_s)


def measure(command: Sequence[str], environ: Mapping[str, str]) -> float:
    """Seconds of wall time of one run in a folder of its own.

    Raises:
        subprocess.CalledProcessError: the command failed; its output is in the error.
    """
    with tempfile.TemporaryDirectory() as out:
        started = time.perf_counter()
        subprocess.run(  # noqa: S603 (our own commands)
            [*command], cwd=ROOT, env={**environ, "CDK_OUTDIR": out}, check=True, capture_output=True
        )
        return time.perf_counter() - started


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
    python, node = sys.executable, os.environ["JSII_NODE"]
    cdk = str(ROOT / "node_modules" / "aws-cdk" / "bin" / "cdk")
    commands = (
        ("python app.py", 5.0, (python, "app.py")),
        ("cdk synth", 8.0, (node, cdk, "synth", "--quiet", "--output", "cdk.out")),
    )
    figures = [Figure(command=name, limit_s=limit_s, runs_s=[]) for name, limit_s, _ in commands]
    console = Console(stderr=True)
    try:
        # The first round warms the caches and is not counted; then the commands take turns, so that a machine that
        # slows down slows both.
        for turn in track(range(arguments.runs + 1), "synthesizing", console=console):
            for figure, (_, _, command) in zip(figures, commands, strict=True):
                seconds = measure(command, os.environ)
                if turn > 0:
                    figure.runs_s.append(seconds)
    except subprocess.CalledProcessError as error:
        console.print(f"{' '.join(error.cmd)} failed with status {error.returncode}:\n{error.stderr.decode()}")
        return 1

    if arguments.json:
        print(json.dumps({"figures": [asdict(figure) for figure in figures], **resources()}))
        return 0
    shown = Table("command", "median s", "min-max s", "limit s", "share of the limit")
    for figure in figures:
        share = figure.median_s / figure.limit_s
        shown.add_row(
            figure.command,
            f"{figure.median_s:.2f}",
            f"{min(figure.runs_s):.2f}-{max(figure.runs_s):.2f}",
            f"{figure.limit_s:.0f}",
            f"{share:.0%}" + ("  (beyond the limit)" if share > 1 else ""),
        )
    Console().print(shown)
    Console().print(resources())
    return 0


if __name__ == "__main__":
    sys.exit(main())
