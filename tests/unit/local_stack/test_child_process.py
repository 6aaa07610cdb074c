"""Children: they never outlive their parent, and are named when they die."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from local_stack.child_process import ChildProcess
from local_stack.errors import LocalStackError

ROOT = Path(__file__).parents[3]


def child(tmp_path: Path, code: str, name: str = "the child") -> ChildProcess:
    command = [sys.executable, "-c", textwrap.dedent(code)]
    return ChildProcess(name, command, environment={}, log=tmp_path / "child.log", folder=tmp_path)


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A zombie has ended; only its parent has not asked yet.
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 10
    while is_there(pid):
        assert time.monotonic() < deadline, f"{pid} is still there"
        time.sleep(0.02)


def test_fails_when_a_child_has_died_with_its_last_words(tmp_path: Path) -> None:
    with child(tmp_path, "print('I cannot go on'); raise SystemExit(7)", "the poor child") as process:
        with pytest.raises(LocalStackError, match="(?s)the poor child has died with exit status 7.*I cannot go on"):
            process.wait_until(lambda: False, timeout_s=10)


def test_fails_when_a_child_is_not_ready_in_time(tmp_path: Path) -> None:
    with child(tmp_path, "import time; time.sleep(60)") as process:
        with pytest.raises(LocalStackError, match="the child is not ready after 0.2 s"):
            process.wait_until(lambda: False, timeout_s=0.2)


def test_fails_when_a_program_is_missing(tmp_path: Path) -> None:
    process = ChildProcess("the tool", ["/no/such/tool"], environment={}, log=tmp_path / "x.log", folder=tmp_path)
    with pytest.raises(LocalStackError, match="the tool is missing: /no/such/tool; run `make setup`"):
        process.start()


def test_stop_takes_along_what_a_child_started(tmp_path: Path) -> None:
    code = """
        import subprocess, sys, time
        grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        print(grandchild.pid, flush=True)
        time.sleep(60)
    """
    with child(tmp_path, code) as process:
        process.wait_until(lambda: process.log.read_text().strip().isdigit(), timeout_s=10)
        grandchild = int(process.log.read_text())
    wait_until_gone(grandchild)


def test_a_child_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    code = """
        import signal, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("unresponsive", flush=True)
        time.sleep(60)
    """
    process = child(tmp_path, code)
    process.start()
    process.wait_until(lambda: "unresponsive" in process.log.read_text(), timeout_s=10)
    assert process.stop(timeout_s=0.2) == -signal.SIGKILL


def test_a_child_dies_with_its_parent_however_that_dies(tmp_path: Path) -> None:
    parent_code = f"""
        import sys, time
        from pathlib import Path
        from local_stack.child_process import ChildProcess
        child = ChildProcess("c", [sys.executable, "-c", "import time; time.sleep(60)"], environment={{}},
                             log=Path({str(tmp_path / "c.log")!r}), folder=Path({str(tmp_path)!r}))
        child.start()
        print(child.pid, flush=True)
        time.sleep(60)
    """
    parent = subprocess.Popen(  # noqa: S603 (our own code)
        [sys.executable, "-c", textwrap.dedent(parent_code)],
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": str(ROOT / "scripts")},
        text=True,
    )
    with parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_there(pid)
        parent.kill()
    wait_until_gone(pid)


def test_a_child_can_be_started_again(tmp_path: Path) -> None:
    process = child(tmp_path, "import time; print('up', flush=True); time.sleep(60)")
    for times in (1, 2):
        process.start()
        process.wait_until(lambda times=times: process.log.read_text().count("up") == times, timeout_s=10)  # type: ignore[misc] # a default binds the loop's value
        process.kill()
    assert process.has_ended
