"""Measure the queue agent beside a loop that does one thing after the other.

    .venv/bin/python -m bench_agent [--runs 3] [--case "sdwebui, 0.2 s"] [--json]

Real processes over real HTTP: the agent, a stand-in for AWS in which every call takes 15 ms, and a stand-in for the
inference server whose GPU is free before it answers, as the real ones' is. Agent and loop take turns in one run.
Prints medians; a figure beyond its limit is marked and does not change the exit status: machines differ, and a time is
never a test. The chart of the GPU's time line goes to bench-results/.
"""

import argparse
import json
import sys
from collections import defaultdict
from typing import Final

from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench_agent.case import CASES, Case
from bench_agent.chart import draw
from bench_agent.figures import FIGURES, busy_share
from bench_agent.run import ROOT, Run, Who, run
from local_stack.errors import LocalStackError

_CHART: Final = ROOT / "bench-results" / "queue-agent.png"


def main() -> int:
    """Run the benchmark; exit status 0, or 1 where a process failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3, help="runs of each case, of which the median counts (default 3)")
    parser.add_argument("--case", default="", help="only cases whose name begins like this")
    parser.add_argument("--json", action="store_true", help="print the medians as JSON on standard output")
    arguments = parser.parse_args()

    cases = [case for case in CASES if case.name.startswith(arguments.case)]
    runs: dict[tuple[Case, Who], list[Run]] = defaultdict(list)
    console = Console(stderr=True)
    turns = [(case, who) for case in cases for _ in range(arguments.runs) for who in _who(case)]
    try:
        for case, who in track(turns, "working off queues", console=console):
            runs[case, who].append(run(case, who))
    except LocalStackError as error:
        console.print(str(error))
        return 1
    draw([_typical(runs[case, who]) for case in cases for who in _who(case)], _CHART)
    if arguments.json:
        medians = {
            f"{case.name}, {who}": {figure.name: figure.median(of_case) for figure in FIGURES}
            for (case, who), of_case in runs.items()
        }
        print(json.dumps(medians))
        return 0
    Console(width=200).print(_table(cases, runs))
    console.print(f"chart: {_CHART.relative_to(ROOT)}")
    return 0


def _who(case: Case) -> tuple[Who, ...]:
    return ("agent", "loop") if case.with_loop else ("agent",)


def _typical(runs: list[Run]) -> Run:
    """The run with the median share."""
    return sorted(runs, key=busy_share)[len(runs) // 2]


def _table(cases: list[Case], runs: dict[tuple[Case, Who], list[Run]]) -> Table:
    table = Table("case", "who", *(figure.name for figure in FIGURES), title="Medians; limits in brackets")
    for case in cases:
        for who in _who(case):
            cells = []
            for figure in FIGURES:
                value = figure.median(runs[case, who])
                text, limit = f"{value:.{figure.digits}f}", figure.limit(case)
                if who == "agent" and limit is not None:
                    text += f" [{limit:g}]" + (" MISSED" if figure.is_missed(case, value) else "")
                cells.append(text.replace("[", r"\["))
            table.add_row(case.name, who, *cells)
    return table


if __name__ == "__main__":
    sys.exit(main())
