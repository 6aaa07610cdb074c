"""Measure the task API: cold start compared to `import boto3`, CPU time, memory, and number of AWS calls.

    .venv/bin/python scripts/bench_task_api.py --runs 7

The cold start is the time of a process that starts, creates the clients of a submit, and returns the response, with a
fake of AWS on loopback. It alternates with `import boto3`, so that a slow machine slows both. Prints medians with
minimum and maximum, and their limits. A figure over its limit is marked; it does not change the exit status, because
machines differ.
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
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final, Self

from rich.table import Table

from sd_on_eks.lambda_function.staging import staged
from sd_on_eks.task_api.handler.runtimes import RUNTIMES_FILE
from terminal import Terminal

ROOT: Final = Path(__file__).resolve().parents[1]
_HANDLER: Final = ROOT / "constructs" / "sd_on_eks" / "task_api" / "handler"
SMALL_BYTES: Final = 2 * 1024
LARGE_BYTES: Final = 4 * 1024 * 1024
_COLD_PAIRS: Final = 3
_WARM_SUBMITS: Final = 200
_LARGE_SUBMITS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A measured figure in one unit."""

    name: str
    unit: str
    limit: float
    runs: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """Median of the runs."""
        return statistics.median(self.runs)


class FakeAws:
    """A fake of AWS on loopback that accepts and counts all calls."""

    def __init__(self) -> None:
        fake_aws = self
        self.calls = 0

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                fake_aws.calls += 1
                self.rfile.read(int(self.headers["Content-Length"]))
                # DynamoDB returns JSON; S3 returns only an ETag.
                body = b"{}" if self.command == "POST" else b""
                self.send_response(200)
                self.send_header("ETag", '"fake"')
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_PUT = answer  # noqa: N815 (the names that the server calls)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class Bench:
    """Runs processes of the task API.

    Args:
        fake_aws: fake of AWS.
        asset: folder with the handler as deployed.
        folder: folder for the events.
    """

    def __init__(self, fake_aws: FakeAws, asset: Path, folder: Path) -> None:
        self._fake_aws = fake_aws
        self._folder = folder
        self._environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "PYTHONPATH": os.pathsep.join([str(asset), str(ROOT / "constructs")]),
            "AWS_ENDPOINT_URL": fake_aws.url,
            "AWS_ACCESS_KEY_ID": "bench",
            "AWS_SECRET_ACCESS_KEY": "bench",
            "AWS_DEFAULT_REGION": "us-east-1",
            "POWERTOOLS_SERVICE_NAME": "bench",
            "POWERTOOLS_METRICS_NAMESPACE": "bench",
            "TASK_TABLE_NAME": "tasks",
            "OUTPUT_BUCKET_NAME": "output",
            "MAX_TASK_AGE_S": "259200",
            "RECORD_TTL_S": "2592000",
            "TENANT_ISOLATION": "true",
            "TENANTS": "{}",
        }

    def wall_s(self, *arguments: str) -> float:
        """Duration of a process in seconds."""
        started_s = time.perf_counter()
        self._run(*arguments)
        return time.perf_counter() - started_s

    def submits(self, kind: str, body_bytes: int, count: int) -> dict[str, Any]:
        """Run a process that handles a number of submits; returns its figures."""
        figures: dict[str, Any] = json.loads(self._run(*self.command(kind, body_bytes, count)).splitlines()[-1])
        return figures

    def calls(self, body_bytes: int) -> int:
        """AWS calls of one submit."""
        before = self._fake_aws.calls
        self._run(*self.command("real", body_bytes, 1))
        return self._fake_aws.calls - before

    def command(self, kind: str, body_bytes: int, count: int) -> tuple[str, ...]:
        """Arguments of Python for a process that handles submits."""
        file = self._folder / f"{body_bytes}.json"
        if not file.exists():
            file.write_text(json.dumps(event(body_bytes)))
        return str(ROOT / "scripts" / "task_api_process.py"), kind, str(file), str(count)

    def _run(self, *arguments: str) -> str:
        return subprocess.run(  # noqa: S603 (constant commands)
            [sys.executable, *arguments], env=self._environment, check=True, capture_output=True, text=True
        ).stdout


def event(body_bytes: int) -> dict[str, Any]:
    """The event of API Gateway for a submit with a body of a size: mostly a prompt, or an image in base64."""
    task_type = "text-to-image" if body_bytes <= SMALL_BYTES else "image-to-image"
    content: dict[str, Any] = {"prompt": "a cat", "steps": 20, "width": 512, "height": 512}
    padded = content | ({"negative_prompt": ""} if task_type == "text-to-image" else {"init_images": [""]})
    task = {"metadata": {"id": "bench", "runtime": "sd", "tasktype": task_type}, "content": padded}
    room = body_bytes - len(json.dumps({"task": task}))
    if task_type == "text-to-image":
        padded["negative_prompt"] = "x" * room
    else:
        padded["init_images"] = ["A" * (room // 4 * 4)]
    return {
        "httpMethod": "POST",
        "resource": "/v1alpha2",
        "path": "/v1alpha2",
        "headers": {"Content-Type": "application/json"},
        "queryStringParameters": None,
        "pathParameters": None,
        "requestContext": {"requestId": "bench", "identity": {"apiKeyId": "bench"}},
        "body": json.dumps({"task": task}),
        "isBase64Encoded": False,
    }


def measure(bench: Bench, runs: int, terminal: Terminal) -> list[Figure]:
    """Run all measurements a number of times.

    Raises:
        subprocess.CalledProcessError: a process failed; its output is in the error.
    """
    cold = Figure(name="start to first submit / import boto3", unit="x", limit=2.0)
    small = Figure(name="CPU time, 2 KB", unit="ms", limit=2.0)
    large = Figure(name="CPU time, 4 MiB", unit="ms", limit=25.0)
    memory = Figure(name="peak memory, 4 MiB", unit="MB", limit=128.0)
    # The first round warms up caches and is not counted.
    for turn in terminal.each(range(runs + 1), "submitting"):
        shares = []
        for _ in range(_COLD_PAIRS):
            boto3_s = bench.wall_s("-c", "import boto3, os; os._exit(0)")
            shares.append(bench.wall_s(*bench.command("real", SMALL_BYTES, 1)) / boto3_s)
        if turn == 0:
            continue
        cold.runs.append(statistics.median(shares))
        small.runs.append(statistics.median(bench.submits("stubbed", SMALL_BYTES, _WARM_SUBMITS)["cpu_s"]) * 1e3)
        large.runs.append(statistics.median(bench.submits("stubbed", LARGE_BYTES, _LARGE_SUBMITS)["cpu_s"]) * 1e3)
        memory.runs.append(bench.submits("real", LARGE_BYTES, _LARGE_SUBMITS)["peak_bytes"] / 1e6)
    return [
        cold,
        small,
        large,
        memory,
        Figure(name="AWS calls of a submit", unit="", limit=1, runs=[bench.calls(SMALL_BYTES)]),
        Figure(name="AWS calls with an offloaded body", unit="", limit=2, runs=[bench.calls(LARGE_BYTES)]),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; exit status 0, or 1 if a process failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7, help="counted runs of each process (default 7)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON on standard output")
    options = parser.parse_args(arguments)
    terminal = Terminal()
    try:
        runtimes = json.dumps([{"name": "sd", "type": "sdwebui", "model_filename": "v1-5.safetensors"}])
        with (
            FakeAws() as fake_aws,
            staged(folders={_HANDLER.name: _HANDLER}, files={f"{_HANDLER.name}/{RUNTIMES_FILE}": runtimes}) as asset,
            tempfile.TemporaryDirectory() as folder,
        ):
            figures = measure(Bench(fake_aws, asset, Path(folder)), options.runs, terminal)
    except subprocess.CalledProcessError as error:
        terminal.line(f"{shlex.join(error.cmd)} failed with status {error.returncode}:\n{error.stderr}")
        return 1
    if options.json:
        print(json.dumps({"figures": [asdict(figure) | {"median": figure.median} for figure in figures]}))
        return 0
    shown = Table("figure", "median", "min-max", "limit", "share of the limit")
    for figure in figures:
        share = figure.median / figure.limit
        shown.add_row(
            figure.name,
            f"{figure.median:.3g} {figure.unit}",
            f"{min(figure.runs):.3g}-{max(figure.runs):.3g}",
            f"{figure.limit:g} {figure.unit}",
            f"{share:.0%}" + ("  (over the limit)" if share > 1 else ""),
        )
    Terminal(sys.stdout).table(shown)
    return 0


if __name__ == "__main__":
    sys.exit(main())
