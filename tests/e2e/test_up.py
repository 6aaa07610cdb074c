"""`make up` and `make down`, as a user runs them: a stack that stays up, and what a client does with it."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from local_stack.child_process import free_port

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "api-examples"
MISSING = [program for program in ("bash", "curl", "jq") if shutil.which(program) is None]

pytestmark = [
    pytest.mark.xdist_group("e2e"),
    pytest.mark.skipif(bool(MISSING), reason=f"not on this machine: {MISSING}"),
]


@dataclass(frozen=True)
class Stack:
    """A stack of its own folder and port, down or up."""

    folder: Path
    port: int

    def start(self, command: str, **environment: str) -> subprocess.Popen[str]:
        """Start `up` or `down`."""
        return subprocess.Popen(  # noqa: S603 (our own command)
            [sys.executable, "-m", f"local_stack.{command}", "--port", str(self.port), "--folder", str(self.folder)],
            cwd=ROOT,
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, command: str, **environment: str) -> tuple[int, str]:
        """Run `up` or `down`; returns the exit status and what was said."""
        started = self.start(command, **environment)
        said, _ = started.communicate(timeout=180)
        return started.returncode, said

    def up(self, **environment: str) -> str:
        status, said = self.run("up", **environment)
        assert status == 0, said
        return said

    def source(self, script: str, folder: Path, **environment: str) -> str:
        """Run a script in a shell that has sourced the file; returns what it prints."""
        done = subprocess.run(  # noqa: S603 (our own file)
            ["bash", "-euo", "pipefail", "-c", f'. "$0"\n{script}', self.folder / f"stack-{self.port}.env"],  # noqa: S607 (any of the machine's)
            cwd=folder,
            env={"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", **environment},
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def processes(self) -> dict[int, str]:
        """Process id -> command line of all that belongs to it: each has the folder in its environment or arguments."""
        found = {}
        for process in Path("/proc").glob("[0-9]*"):
            try:
                command = (process / "cmdline").read_text().replace("\0", " ")
                environment = (process / "environ").read_text()
            except OSError:
                continue
            if f"{self.folder}/stack-{self.port}/" in command + environment or (
                f"local_stack.supervisor --port {self.port}" in command
            ):
                found[int(process.name)] = command
        return found

    def process(self, words: str) -> int:
        (pid,) = [pid for pid, command in self.processes().items() if words in command]
        return pid

    def wait_until_nothing_runs(self) -> None:
        deadline = time.monotonic() + 30
        while left := self.processes():
            assert time.monotonic() < deadline, left
            time.sleep(0.1)


@contextmanager
def down_at_last(folder: Path) -> Iterator[Stack]:
    stack = Stack(folder, free_port())
    yield stack
    stack.run("down")
    stack.wait_until_nothing_runs()


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with down_at_last(tmp_path / "local") as made:
        yield made


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Stack]:
    """One beside it, in the same folder."""
    with down_at_last(tmp_path / "local") as made:
        yield made


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    """A copy of the examples, with an image in it."""
    folder = tmp_path / "api-examples"
    shutil.copytree(EXAMPLES, folder)
    Image.linear_gradient("L").resize((64, 64)).save(folder / "image.png")
    return folder


def test_a_stack_stays_up_for_clients_until_it_is_killed_or_stopped(stack: Stack, examples: Path) -> None:
    first = stack.up()
    assert "deploying" in first
    again = stack.up()
    assert again == "it is up already\n" + first[first.index("the local stack is up on port") :]

    assert json.loads(stack.source("bash text_to_image.sh", examples))["id"] == "cat-1"
    assert "completed" in stack.source("python get_task.py", examples)
    assert "completed" in stack.source("node get_task.mjs", examples)

    os.kill(stack.process("local_stack.supervisor"), signal.SIGKILL)
    stack.wait_until_nothing_runs()
    status, said = stack.run("down")
    assert (status, said) == (
        0,
        f"no local stack is up on port {stack.port}\nthe one that was up was killed; what it left is removed\n",
    )
    assert [entry.name for entry in stack.folder.iterdir()] == ["authority"]


def signal_agent(stack: Stack, runtime: str, number: signal.Signals) -> None:
    for pid, command in stack.processes().items():
        environment = Path(f"/proc/{pid}/environ").read_text()
        if command.endswith("-m queue_agent ") and f"RUNTIME_NAME={runtime}\0" in environment:
            os.kill(pid, number)


@pytest.mark.soak
def test_every_example_runs_on_one_of_two_stacks_side_by_side(stack: Stack, other: Stack, examples: Path) -> None:
    starting = [one.start("up") for one in (stack, other)]
    for up in starting:
        said, _ = up.communicate(timeout=180)
        assert up.returncode == 0, said
    clients = {examples / "client.py", examples / "client.mjs"}
    for suffix, program in ((".sh", "bash"), (".py", "python"), (".mjs", "node")):
        for example in sorted(set(examples.glob(f"*{suffix}")) - clients):
            if example.stem == "cancel_task":  # nobody may be faster
                signal_agent(stack, "sdruntime", signal.SIGSTOP)
                stack.source(f"{program} text_to_image{suffix}", examples)
            stack.source(f"{program} {example.name}", examples)
            signal_agent(stack, "sdruntime", signal.SIGCONT)
    listed = """curl --silent "${ENDPOINT}v1alpha2/tasks?runtime=$SDWEBUI_RUNTIME" --header "x-api-key: $API_KEY" """
    assert json.loads(stack.source(listed, examples))["tasks"]
    assert not json.loads(other.source(listed, examples))["tasks"]
    assert stack.run("down") == (0, f"the local stack on port {stack.port} is stopped\n")
    assert not json.loads(other.source(listed, examples))["tasks"]
    assert f"make down PORT={other.port}" in stack.run("down")[1]


@pytest.mark.soak
def test_a_stack_that_broke_is_reported_and_is_brought_up_again(stack: Stack, examples: Path) -> None:
    stack.up()
    signal_agent(stack, "comfyui", signal.SIGKILL)
    stack.wait_until_nothing_runs()
    log = (stack.folder / f"stack-{stack.port}" / "supervisor.log").read_text()
    assert "broken: the queue agent of comfyui has died with exit status -9" in log
    said = stack.up()
    assert f"the local stack that was up on port {stack.port} broke: the queue agent of comfyui has died" in said
    assert (stack.folder / f"stack-{stack.port}" / "previous" / "comfyui-agent.log").exists()
    assert json.loads(stack.source("bash text_to_image.sh", examples))["id"] == "cat-1"


@pytest.mark.soak
@pytest.mark.parametrize("once_there_is", ["local_stack.supervisor", "jsii-runtime.js", "queue_agent"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_nothing_is_left_when_it_is_interrupted_half_way(
    stack: Stack, tmp_path: Path, number: signal.Signals, once_there_is: str
) -> None:
    config = tmp_path / "config.yaml"  # one that was never synthesized before
    config.write_text((ROOT / "config.yaml").read_text().replace("SdOnEKSStack", f"Stack{uuid.uuid4().hex}"))
    up = stack.start("up", CDK_CONFIG_PATH=str(config))
    deadline = time.monotonic() + 120
    while not any(once_there_is in command for command in stack.processes().values()):
        assert up.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    up.send_signal(number)
    said, _ = up.communicate(timeout=60)
    assert up.returncode == 130, said
    assert said.endswith("everything is stopped\ninterrupted\n")
    stack.wait_until_nothing_runs()
    assert {entry.name for entry in stack.folder.iterdir()} <= {"authority"}


@pytest.mark.soak
def test_a_stack_whose_folder_is_removed_ends(stack: Stack) -> None:
    stack.up()
    while stack.folder.exists():  # as `make clean` does, while the stack writes on
        shutil.rmtree(stack.folder, ignore_errors=True)
    stack.wait_until_nothing_runs()


@pytest.mark.soak
def test_a_home_folder_that_cannot_be_written_is_no_obstacle(stack: Stack) -> None:
    assert "the local stack is up" in stack.up(HOME="/dev/null")


@pytest.mark.soak
@pytest.mark.skipif(os.getuid() != 0, reason="only root can mount a small disk")
def test_fails_when_the_disk_is_full_and_the_next_try_works(stack: Stack) -> None:
    stack.folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(stack.folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:  # noqa: S603 (as written above)
        pytest.skip("a small disk cannot be mounted here")
    try:
        status, said = stack.run("up")
        assert status == 1
        assert re.search(
            "^local stack: the disk of .* has 2 MB left .*make room on it, then try again$", said, re.MULTILINE
        )
        subprocess.run(["mount", "-o", "remount,size=300m", str(stack.folder)], check=True)  # noqa: S603, S607 (as above)
        stack.up()
        assert stack.run("down")[0] == 0
    finally:
        subprocess.run(["umount", "--lazy", str(stack.folder)], check=True)  # noqa: S603, S607 (as above)


@pytest.mark.soak
def test_the_commands_of_the_page_run_as_they_are_written() -> None:
    text = (ROOT / "docs" / "local-stack.md").read_text(encoding="utf-8")
    commands = "\n".join(re.findall(r"^```\n(.*?)^```$", text, re.DOTALL | re.MULTILINE))
    first, second = Stack(ROOT / ".local", free_port()), Stack(ROOT / ".local", free_port())
    # A developer's stack may be up on the ports of the page.
    commands = re.sub(r"(?m)^make (up|down)$", r"make \1 PORT=4566", commands)
    commands = commands.replace("local_stack.up ", "local_stack.up --port 4566 ")
    commands = commands.replace("4566", str(first.port)).replace("4567", str(second.port))
    try:
        done = subprocess.run(  # noqa: S603 (our own page)
            ["bash", "-euo", "pipefail", "-c", commands],  # noqa: S607 (any of the machine's)
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert '"status": "' in done.stdout  # of curl
        assert done.stdout.count("/cat-1/") >= 3  # of curl, Python and Node.js
    finally:
        for one in (first, second):
            one.run("down")
            one.wait_until_nothing_runs()
