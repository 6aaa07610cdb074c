"""The folder of a stack that stays up: one holder at a time, and no state outlives its holder unnoticed."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from local_stack.errors import LocalStackError
from local_stack.stack_folder import StackFolder, StackState

PORT = 4567
SERVING = StackState(
    pid=1,
    port=PORT,
    phase="serving",
    variables={"ENDPOINT": "https://127.0.0.1:4567/"},
    runtimes={"sd": "sdwebui"},
    runtime_urls={"sd": "http://127.0.0.1:5000"},
)


@pytest.fixture
def folder(tmp_path: Path) -> StackFolder:
    return StackFolder(tmp_path, PORT)


def test_folder_has_one_holder_at_a_time(folder: StackFolder) -> None:
    lock = folder.take()
    assert lock is not None
    assert folder.take() is None
    lock.release()
    again = folder.take()
    assert again is not None
    again.release()


def test_whom_the_folder_is_handed_on_to_holds_it_until_its_end(folder: StackFolder) -> None:
    lock = folder.take()
    assert lock is not None
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], pass_fds=[lock.descriptor]) as holder:
        lock.release()
        assert folder.take() is None
        holder.send_signal(signal.SIGKILL)
    after = folder.take()
    assert after is not None
    after.release()


def test_a_holder_notices_that_the_folder_was_removed(folder: StackFolder) -> None:
    with folder.take() or pytest.fail("nobody holds it") as lock:
        assert lock.is_valid()
        folder.remove()
        assert not lock.is_valid()
        with folder.take() or pytest.fail("nobody holds the new one") as another:
            assert (lock.is_valid(), another.is_valid()) == (False, True)


def test_state_is_read_as_it_was_written(folder: StackFolder) -> None:
    with folder.take() or pytest.fail("nobody holds it"):
        assert folder.state() is None
        folder.write(SERVING)
        assert folder.state() == SERVING


def test_fails_when_the_state_is_not_of_this_version(folder: StackFolder) -> None:
    with folder.take() or pytest.fail("nobody holds it"):
        for text in ("{", json.dumps({"pid": 1}), json.dumps({"later": 1})):
            (folder.path / "state.json").write_text(text)
            with pytest.raises(LocalStackError, match="state.json: must be a state of this version"):
                folder.state()


def test_what_has_the_key_is_its_owners_alone(folder: StackFolder) -> None:
    with folder.take() or pytest.fail("nobody holds it"):
        folder.write(SERVING)
        folder.write_environment("export API_KEY=secret")
    for path in (folder.path, folder.path / "state.json", folder.environment_file):
        assert path.stat().st_mode & 0o077 == 0


def test_logs_of_the_stack_before_are_kept_once(folder: StackFolder) -> None:
    with folder.take() or pytest.fail("nobody holds it"):
        for said in ("first", "second"):
            (folder.path / "emulator").mkdir()
            folder.log.write_text(said)
            folder.write(SERVING)
            folder.clear()
        assert [entry.name for entry in folder.path.iterdir()] == ["previous"]
        assert (folder.path / "previous" / "supervisor.log").read_text() == "second"


def test_nothing_is_left_of_what_is_removed(folder: StackFolder, tmp_path: Path) -> None:
    with folder.take() or pytest.fail("nobody holds it"):
        folder.write(SERVING)
        folder.write_environment("")
        folder.remove()
    assert list(tmp_path.iterdir()) == []


def test_stacks_on_other_ports_are_found_where_they_are_up(folder: StackFolder, tmp_path: Path) -> None:
    with folder.take() or pytest.fail("nobody holds it"), StackFolder(tmp_path, 5000).take() or pytest.fail("nor it"):
        (tmp_path / "stack-6000").mkdir()
        (tmp_path / "stack-5000.env").touch()
        assert folder.others() == [5000]
