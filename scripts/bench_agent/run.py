"""One run of a case: stand-ins for AWS and the server, the agents or the baseline, and the results."""

import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

import urllib3

from bench_agent.case import IMAGE_BYTES, LATENCY_MS, QUICK_NODE_S, Case, Who
from local_stack.child_process import ChildProcess, free_port
from task_record.runtime_types import RUNTIME_TYPES

ROOT: Final = Path(__file__).resolve().parents[2]
_MODULES: Final[dict[Who, str]] = {
    "agent": "queue_agent",
    "previous agent": "queue_agent",
    "loop": "bench_agent.loop",
}
_TODAY: Final = tuple(ROOT / folder for folder in ("constructs", "runtime_images/queue_agent/src", "scripts", "."))
_DOCKERFILE: Final = ROOT / "runtime_images" / "queue_agent" / "Dockerfile"
_MALLOC: Final = dict(re.findall(r"(MALLOC_\w+)=(\d+)", _DOCKERFILE.read_text(encoding="utf-8")))
"""Memory settings of glibc in the current image."""
SETTLED_TASKS: Final = 200
"""After this many tasks all modules are loaded and all pools are full."""
_READY_S: Final = 20.0
_CLOCK_TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Inference:
    """One inference, in epoch seconds."""

    began_at: float
    ended_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A claimed task that waits for the GPU, in epoch seconds.

    Attributes:
        agent: index of the agent and its GPU.
        since: when it was claimed.
        until: when its inference began, or when it was returned to the queue.
    """

    agent: int
    since: float
    until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The results of a run.

    Attributes:
        case: the case.
        who: the current agent, the previous agent, or the baseline.
        gpus: inferences of each GPU, in order.
        holds: tasks that waited for a GPU.
        last_stored_at: epoch seconds of each task's last stored object, in the order of the ends of the tasks.
        calls: calls to AWS by operation.
        cpu_s: CPU time of all processes, without their start.
        peak_memory_mib: largest resident set of any process.
        growth_mib: growth of the resident set of the first process per 1,000 tasks after `SETTLED_TASKS`.
        first_receive_s: seconds from the start to the first receive.
        duration_s: seconds from the start of the first inference to the deletion of the last message.
    """

    case: Case
    who: Who
    gpus: tuple[tuple[Inference, ...], ...]
    holds: tuple[Hold, ...]
    last_stored_at: tuple[float, ...]
    calls: Mapping[str, int]
    cpu_s: float
    peak_memory_mib: float
    growth_mib: float
    first_receive_s: float
    duration_s: float

    @property
    def inferences(self) -> list[Inference]:
        """Inferences of all GPUs, in the order of their ends."""
        return sorted((one for gpu in self.gpus for one in gpu), key=lambda one: one.ended_at)


def run(case: Case, who: Who, previous_build: Sequence[Path]) -> Run:
    """Run a case once.

    Args:
        case: the case to run.
        who: what processes the tasks.
        previous_build: source roots of the previous agent.

    Raises:
        LocalStackError: a process exited or did not become ready.
    """
    with tempfile.TemporaryDirectory() as name, ExitStack() as processes:
        folder = Path(name)
        aws_port = free_port()
        aws = processes.enter_context(
            ChildProcess(
                "the stand-in for AWS",
                [
                    *(sys.executable, "-m", "tests.fakes.stand_in_aws"),
                    *("--port", str(aws_port), "--latency-ms", str(LATENCY_MS)),
                ],
                environment=_environment(),
                log=folder / "aws.log",
                folder=ROOT,
            )
        )
        aws.wait_until(lambda: _answers(aws_port, "/_stand_in/state"), timeout_s=_READY_S)
        workers, journals = [], []
        for number in range(case.agents):
            server_port, journal = free_port(), folder / f"journal-{number}"
            server = processes.enter_context(_server(case, server_port, journal, folder / f"server-{number}.log"))
            server.wait_until(partial(_answers, server_port, RUNTIME_TYPES[case.server].ready_path), timeout_s=_READY_S)
            journals.append(journal)
            workers.append(
                ChildProcess(
                    f"the {who}",
                    [sys.executable, "-m", _MODULES[who]],
                    environment=_environment(previous_build if who == "previous agent" else _TODAY)
                    | _settings(case, number, aws_port, server_port),
                    log=folder / f"worker-{number}.log",
                    folder=folder,
                )
            )
        return _process_all(case, who, workers, aws_port, journals)


def _server(case: Case, port: int, journal: Path, log: Path) -> ChildProcess:
    return ChildProcess(
        f"the stand-in for {case.server}",
        [
            *(sys.executable, "-m", "tests.fakes.stand_in_runtime", "--type", case.server),
            *("--port", str(port), "--seconds-per-task", str(case.seconds)),
            *("--image-bytes", str(IMAGE_BYTES), "--journal", str(journal)),
            *("--seconds-per-node", str(0 if case.quick_nodes is None else QUICK_NODE_S)),
        ],
        environment=_environment(),
        log=log,
        folder=ROOT,
    )


def _process_all(case: Case, who: Who, workers: list[ChildProcess], aws_port: int, journals: list[Path]) -> Run:
    started = time.monotonic()
    with ExitStack() as running:
        for worker in workers:
            running.enter_context(worker)
        first = workers[0]
        first.wait_until(lambda: _state(aws_port)["calls"].get("ReceiveMessage", 0) >= case.agents, timeout_s=_READY_S)
        first_receive_s = time.monotonic() - started
        cpu_before_s = sum(_cpu_s(worker.pid) for worker in workers)
        sent_at = time.time()
        for arrival_s, messages in groupby(zip(case.arrivals_s(), case.messages(), strict=True), key=itemgetter(0)):
            time.sleep(max(0.0, sent_at + arrival_s - time.time()))
            _post(aws_port, "/_stand_in/messages", json.dumps([json.dumps(message) for _, message in messages]))
        longest_s = 60 + case.tasks * (case.seconds + 1)
        settled = min(SETTLED_TASKS, case.tasks)
        first.wait_until(lambda: _state(aws_port)["deleted"] >= settled, timeout_s=longest_s)
        settled_mib = _memory_mib(first.pid, "VmRSS")
        first.wait_until(lambda: _state(aws_port)["deleted"] >= case.tasks, timeout_s=longest_s)
        duration_s = time.time() - sent_at
        grown_mib = _memory_mib(first.pid, "VmRSS") - settled_mib
        cpu_s = sum(_cpu_s(worker.pid) for worker in workers) - cpu_before_s
        memory_mib = max(_memory_mib(worker.pid, "VmHWM") for worker in workers)
        state, holds = _state(aws_port), _get(aws_port, "/_stand_in/holds")
    gpus = tuple(_inferences(journal) for journal in journals)
    return Run(
        case=case,
        who=who,
        gpus=gpus,
        holds=tuple(_holds(holds, gpus)),
        last_stored_at=tuple(sorted(at for key, at in state["stored_at"].items() if key.endswith(".out"))),
        calls=state["calls"],
        cpu_s=cpu_s,
        peak_memory_mib=memory_mib,
        growth_mib=1000 * grown_mib / (case.tasks - settled) if case.tasks > settled else 0,
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


def _holds(noted: list[dict[str, Any]], gpus: tuple[tuple[Inference, ...], ...]) -> Iterator[Hold]:
    for hold in noted:
        agent, since = int(hold["caller"]), hold["claimed_at"]
        begins = (one.began_at for one in gpus[agent] if one.began_at >= since)
        yield Hold(agent=agent, since=since, until=hold["returned_at"] or next(begins, since))


def _environment(sources: Sequence[Path] = _TODAY) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "PYTHONPATH": os.pathsep.join(map(str, sources)),
        **(_MALLOC if sources is _TODAY else {"MALLOC_ARENA_MAX": "2"}),  # the previous image has only this
    }


def _settings(case: Case, number: int, aws_port: int, server_port: int) -> dict[str, str]:
    return {
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": str(number),  # the stand-in identifies the caller by it
        "AWS_SECRET_ACCESS_KEY": "bench",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{aws_port}",
        "SQS_QUEUE_URL": f"http://127.0.0.1:{aws_port}/000000000000/bench",
        "TASK_TABLE_NAME": "tasks",
        "S3_BUCKET": "bucket",
        "RUNTIME_TYPE": case.server,
        "RUNTIME_NAME": "bench",
        "MODEL_FILENAME": "v1-5-pruned-emaonly.safetensors",
        "API_BASE_URL": f"http://127.0.0.1:{server_port}",
    }


def _answers(port: int, path: str) -> bool:
    try:
        return urllib3.request("GET", f"http://127.0.0.1:{port}{path}", retries=False, timeout=1).status < 500  # noqa: PLR2004 (a server's own error)
    except urllib3.exceptions.HTTPError:
        return False


def _state(port: int) -> dict[str, Any]:
    state: dict[str, Any] = _get(port, "/_stand_in/state")
    return state


def _get(port: int, path: str) -> Any:  # noqa: ANN401 (any JSON value)
    return urllib3.request("GET", f"http://127.0.0.1:{port}{path}", timeout=5).json()


def _post(port: int, path: str, body: str) -> None:
    urllib3.request("POST", f"http://127.0.0.1:{port}{path}", body=body.encode(), timeout=5)


def _cpu_s(pid: int) -> float:
    # https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html: fields 14 and 15, after the name in parentheses.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _CLOCK_TICKS


def _memory_mib(pid: int, field: str) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition(f"{field}:")[2].split()[0]) / 1024
