"""Compare the queue agent with a sequential baseline, and with an earlier build of the agent.

    .venv/bin/python -m bench_agent [--runs 3] [--case "sdwebui, 0.2 s"] [--beside-previous] [--json]

Real processes over real HTTP: the agent, a stand-in for AWS with a latency of 15 ms per call, and a stand-in for the
inference server whose GPU is free before it responds, as on real servers. They alternate in one run. The earlier build
runs in the case of many quick nodes before a long sampler, and with --beside-previous in every case; the table then has
the ratio of the current agent to it. Prints medians. A figure beyond its limit is marked, but does not change the exit
status, because machines differ. The chart of the GPU timeline is saved in bench-results/.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from rich.table import Table

from bench_agent.case import CASES, Case, Who
from bench_agent.chart import draw
from bench_agent.figures import FIGURES, busy_share
from bench_agent.run import ROOT, Run, run
from local_stack.errors import LocalStackError
from previous_build import COMMIT, PreviousBuildMissingError, extract_previous_build
from terminal import Terminal

_PREVIOUS: Final = "previous agent"
_CHART: Final = ROOT / "bench-results" / "queue-agent.png"


def main() -> int:
    """Run the benchmark; exit status 0, or 1 if a process failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3, help="runs of each case; the table has the medians (default 3)")
    parser.add_argument("--case", default="", help="only cases whose name starts with this")
    parser.add_argument("--beside-previous", action="store_true", help=f"also run the agent of {COMMIT} in every case")
    parser.add_argument("--json", action="store_true", help="print the medians as JSON on standard output")
    arguments = parser.parse_args()

    cases = [case for case in CASES if case.name.startswith(arguments.case)]
    if arguments.beside_previous:
        cases = [replace(case, beside=tuple(dict.fromkeys((*case.beside, _PREVIOUS)))) for case in cases]
    runs: dict[tuple[Case, Who], list[Run]] = defaultdict(list)
    terminal = Terminal()
    with TemporaryDirectory() as folder:
        try:
            previous_build = extract_previous_build(Path(folder))
        except PreviousBuildMissingError as error:
            terminal.line(f"{error}: it is skipped")
            previous_build = None
        turns = [
            (case, who)
            for case in cases
            for _ in range(arguments.runs)
            for who in _who(case)
            if who != _PREVIOUS or previous_build is not None
        ]
        try:
            for case, who in terminal.each(turns, "processing queues"):
                runs[case, who].append(run(case, who, previous_build or ()))
        except LocalStackError as error:
            terminal.line(str(error))
            return 1
    draw([_typical(of_case) for of_case in runs.values()], _CHART)
    if arguments.json:
        medians = {
            f"{case.name}, {who}": {figure.name: figure.median(of_case) for figure in FIGURES}
            for (case, who), of_case in runs.items()
        }
        print(json.dumps(medians))
        return 0
    Terminal(sys.stdout).table(_table(runs))
    terminal.line(f"chart: {_CHART.relative_to(ROOT)}")
    return 0


def _who(case: Case) -> tuple[Who, ...]:
    return ("agent", *case.beside)


def _typical(runs: list[Run]) -> Run:
    """The run with the median share."""
    return sorted(runs, key=busy_share)[len(runs) // 2]


def _table(runs: Mapping[tuple[Case, Who], Sequence[Run]]) -> Table:
    title = f"Medians; limits in brackets; the previous agent is from commit {COMMIT}"
    table = Table("case", "who", *(figure.name for figure in FIGURES), title=title)
    for (case, who), of_case in runs.items():
        cells = []
        for figure in FIGURES:
            value = figure.median(of_case)
            text, limit = f"{value:.{figure.digits}f}", figure.limit_in(case, runs)
            if who == "agent" and limit is not None:
                text += f" [{limit:.4g}]" + (" MISSED" if figure.is_missed(limit, value) else "")
            cells.append(text)
        table.add_row(case.name, who, *cells)
        if who == _PREVIOUS:
            table.add_row(case.name, "agent / previous", *_ratios(runs[case, "agent"], of_case))
    return table


def _ratios(agent: Sequence[Run], previous: Sequence[Run]) -> list[str]:
    pairs = [(figure.median(agent), figure.median(previous)) for figure in FIGURES]
    return [f"{value / before:.3f}" if before else "" for value, before in pairs]


if __name__ == "__main__":
    sys.exit(main())
