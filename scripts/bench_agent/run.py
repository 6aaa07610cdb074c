"""One run of a case: stand-ins for AWS and the server, an agent or the loop, and what came of it."""

import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import urllib3

from bench_agent.case import IMAGE_BYTES, LATENCY_MS, Case
from local_stack.child_process import ChildProcess, free_port

Who = Literal["agent", "loop"]

ROOT: Final = Path(__file__).resolve().parents[2]
_MODULES: Final = {"agent": "queue_agent", "loop": "bench_agent.loop"}
_READY_S: Final = 20.0
_READY_PATHS: Final = {"sdwebui": "/sdapi/v1/options", "comfyui": "/system_stats"}
_CLOCK_TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Inference:
    """One inference, epoch seconds."""

    began_at: float
    ended_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What came of a run.

    Attributes:
        case: what was run.
        who: the agent or the loop.
        inferences: in the order in which they began.
        last_stored_at: epoch seconds at which each task's last object was stored, in the order of the tasks' ends.
        calls: calls to AWS by operation.
        cpu_s: processor time of the process, without its start.
        peak_memory_mib: its largest resident set.
        first_receive_s: seconds from its start to its first receive.
        duration_s: seconds from the first inference's begin to the last task's deletion.
    """

    case: Case
    who: Who
    inferences: tuple[Inference, ...]
    last_stored_at: tuple[float, ...]
    calls: Mapping[str, int]
    cpu_s: float
    peak_memory_mib: float
    first_receive_s: float
    duration_s: float


def run(case: Case, who: Who) -> Run:
    """Run a case once.

    Raises:
        LocalStackError: a process died or did not become ready.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        aws_port, server_port = free_port(), free_port()
        aws = ChildProcess(
            "the stand-in for AWS",
            [
                sys.executable,
                "-m",
                "tests.fakes.stand_in_aws",
                "--port",
                str(aws_port),
                "--latency-ms",
                str(LATENCY_MS),
            ],
            environment=_environment(),
            log=folder / "aws.log",
            folder=ROOT,
        )
        server = ChildProcess(
            f"the stand-in for {case.server}",
            [
                *(sys.executable, "-m", "tests.fakes.stand_in_runtime", "--type", case.server),
                *("--port", str(server_port), "--seconds-per-task", str(case.seconds)),
                *("--image-bytes", str(IMAGE_BYTES), "--journal", str(folder / "journal")),
            ],
            environment=_environment(),
            log=folder / "server.log",
            folder=ROOT,
        )
        worker = ChildProcess(
            f"the {who}",
            [sys.executable, "-m", _MODULES[who]],
            environment=_environment() | _settings(case, aws_port, server_port),
            log=folder / "worker.log",
            folder=folder,
        )
        with aws, server:
            aws.wait_until(lambda: _answers(aws_port, "/_stand_in/state"), timeout_s=_READY_S)
            server.wait_until(lambda: _answers(server_port, _READY_PATHS[case.server]), timeout_s=_READY_S)
            return _work_off(case, who, worker, aws_port, folder / "journal")


def _work_off(case: Case, who: Who, worker: ChildProcess, aws_port: int, journal: Path) -> Run:
    started = time.monotonic()
    with worker:
        worker.wait_until(lambda: "ReceiveMessage" in _state(aws_port)["calls"], timeout_s=_READY_S)
        first_receive_s = time.monotonic() - started
        cpu_before_s = _cpu_s(worker.pid)
        messages = json.dumps([json.dumps(message) for message in case.messages()])
        _post(aws_port, "/_stand_in/messages", messages)
        sent_at = time.time()
        longest_s = 60 + case.tasks * (case.seconds + 1)
        worker.wait_until(lambda: _state(aws_port)["deleted"] >= case.tasks, timeout_s=longest_s)
        duration_s = time.time() - sent_at
        cpu_s, memory_mib = _cpu_s(worker.pid) - cpu_before_s, _peak_memory_mib(worker.pid)
        state = _state(aws_port)
    return Run(
        case=case,
        who=who,
        inferences=_inferences(journal),
        last_stored_at=tuple(sorted(at for key, at in state["stored_at"].items() if key.endswith(".out"))),
        calls=state["calls"],
        cpu_s=cpu_s,
        peak_memory_mib=memory_mib,
        first_receive_s=first_receive_s,
        duration_s=duration_s,
    )


def _inferences(journal: Path) -> tuple[Inference, ...]:
    entries: list[dict[str, Any]] = [json.loads(line) for line in journal.read_text().splitlines()]
    begins = [entry["at"] for entry in entries if entry["event"] == "begin"]
    ends = [entry["at"] for entry in entries if entry["event"] == "end"]
    return tuple(
        Inference(began_at=began, ended_at=ended) for began, ended in zip(sorted(begins), sorted(ends), strict=True)
    )


def _environment() -> dict[str, str]:
    folders = ("constructs", "runtime_images/queue_agent/src", "scripts", ".")
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "PYTHONPATH": os.pathsep.join(str(ROOT / folder) for folder in folders),
        "MALLOC_ARENA_MAX": "2",  # as in the agent's image
    }


def _settings(case: Case, aws_port: int, server_port: int) -> dict[str, str]:
    return {
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{aws_port}",
        "SQS_QUEUE_URL": f"http://127.0.0.1:{aws_port}/000000000000/bench",
        "TASK_TABLE_NAME": "tasks",
        "S3_BUCKET": "bucket",
        "RUNTIME_TYPE": case.server,
        "RUNTIME_NAME": "bench",
        "API_BASE_URL": f"http://127.0.0.1:{server_port}",
    }


def _answers(port: int, path: str) -> bool:
    try:
        return urllib3.request("GET", f"http://127.0.0.1:{port}{path}", retries=False, timeout=1).status < 500  # noqa: PLR2004 (a server's own error)
    except urllib3.exceptions.HTTPError:
        return False


def _state(port: int) -> dict[str, Any]:
    state: dict[str, Any] = urllib3.request("GET", f"http://127.0.0.1:{port}/_stand_in/state", timeout=5).json()
    return state


def _post(port: int, path: str, body: str) -> None:
    urllib3.request("POST", f"http://127.0.0.1:{port}{path}", body=body.encode(), timeout=5)


def _cpu_s(pid: int) -> float:
    # https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html: fields 14 and 15, after the name in parentheses.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _CLOCK_TICKS


def _peak_memory_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
