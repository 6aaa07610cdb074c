"""Set-up as a process: what is made, what is made again, what an interrupt leaves, and what people read."""

import ast
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

import set_up
from tests.fakes.set_up_clone import PYTHON, ROOT, FakeClone

ALL: Final = [".venv", ".venv-emulator", "node_modules"]
PROGRAM: Final = [ROOT / "scripts" / "set_up.py", *sorted((ROOT / "scripts" / "environments").glob("*.py"))]


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"  # its new parent has not come to it yet


def test_everything_is_made_once(clone: FakeClone) -> None:
    first = clone.run()
    assert first[0] == 0, first
    assert clone.made == ALL
    events = clone.events
    assert sorted(events) == ["install .venv", "npm ci", "sync .venv", "sync .venv-emulator"]
    assert clone.run() == (0, "set-up: everything is made already\n")
    assert clone.run("--quiet", python=clone.folder / ".venv" / "bin" / "python") == (0, "")
    assert clone.events == events


def test_changed_lock_file_is_installed_into_the_environment_that_is_there(clone: FakeClone) -> None:
    clone.run()
    (clone.folder / ".venv" / "kept").touch()
    done = len(clone.events)
    (clone.folder / "requirements" / "dev.txt").write_text("two==2\n")
    clone.hold()
    process = clone.start()
    clone.wait_until_held(process, count=1)
    assert ".venv" not in clone.made  # until that is done, even where the lock file is changed back
    clone.release()
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 0, output
    assert [event for event in clone.events[done:] if "held" not in event] == ["sync .venv", "install .venv"]
    assert (clone.folder / ".venv" / "kept").exists()


def test_environment_that_is_being_deleted_is_not_made(clone: FakeClone) -> None:
    clone.run()
    (clone.folder / ".venv" / "bin" / "python").unlink()
    clone.stand_in("rm", "#!/bin/sh\necho 'rm: cannot remove a: Permission denied'; exit 1\n")
    status, output = clone.run()
    assert status == 1
    assert "set-up: deleting .venv failed: a folder that it writes to belongs to another user" in output
    assert ".venv" not in clone.made


def test_interrupt_stops_what_installs_and_the_next_try_makes_everything(clone: FakeClone) -> None:
    clone.hold()
    process = clone.start()
    installers = clone.wait_until_held(process)
    (clone.folder / ".venv" / "half-made").touch()
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert output.splitlines()[-1] == ("set-up: interrupted; what is half-made is made again by the next `make setup`")
    assert "Traceback" not in output
    assert not [pid for pid in installers if is_running(pid)]
    clone.release()
    status, output = clone.run(python=clone.folder / ".venv" / "bin" / "python")
    assert (status, clone.made) == (0, ALL), output
    assert ".venv is made again: it was not finished" in output
    assert not (clone.folder / ".venv" / "half-made").exists()


def test_interrupt_before_anything_has_begun_prints_no_traceback(clone: FakeClone) -> None:
    slow = clone.folder / "scripts" / "environments" / "program.py"
    slow.write_text("import time\nprint('importing', flush=True)\ntime.sleep(60)\n")
    process = clone.start()
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=30)
    assert (process.returncode, output) == (-signal.SIGINT, "")


def test_second_set_up_waits_for_the_first_and_finds_everything_made(clone: FakeClone) -> None:
    clone.hold()
    first = clone.start()
    clone.wait_until_held(first)
    second = clone.start()
    assert second.stdout is not None
    waiting = second.stdout.readline()
    assert waiting == f"set-up: waiting for another set-up of this clone (process {first.pid})\n"
    clone.release()
    assert first.communicate(timeout=30)[0]
    assert second.communicate(timeout=30)[0] == "set-up: the other set-up has made everything\n"
    assert (first.returncode, second.returncode) == (0, 0)
    assert clone.events.count("sync .venv") == 1


def test_set_up_after_a_kill_waits_for_what_the_killed_one_has_left_behind(clone: FakeClone) -> None:
    clone.hold()
    killed = clone.start()
    clone.wait_until_held(killed)
    killed.kill()
    killed.wait()
    assert killed.stdout is not None
    killed.stdout.close()
    again = clone.start()
    assert again.stdout is not None
    assert "waiting for another set-up" in again.stdout.readline()
    assert clone.made == []
    clone.release()
    output, _ = again.communicate(timeout=30)
    assert (again.returncode, clone.made) == (0, ALL), output


def test_failure_of_a_tool_is_one_sentence_with_its_last_lines_and_the_next_try_works(clone: FakeClone) -> None:
    failing = clone.tools / "while-npm-installs"
    clone.stand_in(failing.name, 'printf "npm error code \\033[31mENOSPC\\033[0m\\nnpm error no space\\n"; exit 1')
    status, output = clone.run()
    assert status == 1
    sentence, *last_lines = output.splitlines()[-3:]
    assert sentence == (
        "set-up: installing npm packages into node_modules failed: the disk is full: free 2 GB for this clone and for "
        "the package caches, then run `make setup` again"
    )
    assert last_lines == ["    npm error code ENOSPC", "    npm error no space"]
    assert "node_modules" not in clone.made
    failing.unlink()
    assert (clone.run()[0], clone.made) == (0, ALL)


def test_missing_npm_is_named(clone: FakeClone) -> None:
    (clone.tools / "npm").unlink()
    status, output = clone.run()
    assert status == 1
    assert f"{clone.folder}/.venv/bin/npm cannot be started (No such file or directory)" in output


def test_home_that_cannot_be_written_moves_the_package_caches_into_the_clone(clone: FakeClone) -> None:
    status, output = clone.run(HOME="/proc/none")
    assert status == 0, output
    assert f"packages are kept in {clone.folder}/.cache instead" in output
    assert f"sync .venv {clone.folder}/.cache/uv" in clone.events


def test_folder_that_cannot_be_written_is_named(clone: FakeClone) -> None:
    (clone.folder / ".set-up.lock").mkdir()
    status, output = clone.run()
    assert status == 1
    assert (
        output
        == f"set-up: {clone.folder}/.set-up.lock failed: Is a directory: correct that, then run `make setup` again\n"
    )


def test_pipe_gets_no_control_characters_and_a_terminal_a_line_that_changes(clone: FakeClone) -> None:
    clone.stand_in("while-syncing", "sleep 0.3")
    _, piped = clone.run()
    assert all(character.isprintable() or character == "\n" for character in piped)
    assert "set-up: installing packages into .venv\n" in piped
    (clone.folder / "requirements" / "dev.txt").write_text("two==2\n")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(  # noqa: S603 (our own program)
        [PYTHON, clone.folder / "scripts" / "set_up.py"], env=clone.environment | {"TERM": "xterm"}, stderr=theirs
    )
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 4096):
            shown += part
    except OSError:  # how a pseudo-terminal ends
        pass
    os.close(ours)
    assert process.wait(timeout=30) == 0
    assert re.search(rb"\r\x1b\[K[|/\\-] installing packages into \.venv \(\d+ s\)\r\x1b\[K", shown)
    assert re.search(rb"\r\x1b\[Kset-up: done in \d+ s\r\n$", shown)


def test_make_runs_it_on_the_python_of_the_machine(clone: FakeClone) -> None:
    """The Makefile puts .venv/bin first on PATH, where a Python may be that has to be replaced."""
    own = clone.folder / ".venv" / "bin" / "python3"
    own.parent.mkdir(parents=True)
    own.write_text("#!/bin/sh\nexit 9\n")
    own.chmod(0o755)
    (clone.tools / "python3").symlink_to(PYTHON)
    done = subprocess.run(  # noqa: S603 (our own program)
        ["make", "-C", clone.folder, "setup"],  # noqa: S607 (as PATH has it)
        env=clone.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, clone.made) == (0, ALL), done.stderr


def test_wrong_option_is_a_usage_error_and_help_is_not(clone: FakeClone) -> None:
    assert clone.run("--help")[0] == 0
    assert clone.run("--nonesuch")[0] == 2


def test_old_python_is_refused_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 8, 18))
    with pytest.raises(SystemExit, match="2"):
        set_up.check_python()
    assert capsys.readouterr().err == (
        f"set-up: Python must be 3.11 or newer, got 3.8.18 ({sys.executable}): name another with "
        "`make PYTHON=python3.12 setup`\n"
    )


def test_what_refuses_an_old_python_is_read_by_it() -> None:
    ast.parse(PROGRAM[0].read_text(), feature_version=(3, 8))


def test_program_needs_the_standard_library_alone() -> None:
    modules = set()
    for file in PROGRAM:
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case ast.Import():
                    modules |= {alias.name.partition(".")[0] for alias in node.names}
                case ast.ImportFrom():
                    modules.add(str(node.module).partition(".")[0])
    assert modules - sys.stdlib_module_names == {"environments"}
