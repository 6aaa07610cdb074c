"""When an environment counts as made, and when it has to be made again."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from environments.environment import Environment, this_python


@pytest.fixture
def made(tmp_path: Path) -> Environment:
    folder, lock = tmp_path / ".venv", tmp_path / "dev.txt"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").touch()
    lock.write_text("one==1\n")
    environment = Environment(folder=folder, inputs=[lock], python=this_python())
    environment.finish()
    return environment


def test_made_environment_is_left_alone(made: Environment) -> None:
    assert made.is_made


def test_new_times_of_the_same_lock_file_change_nothing(made: Environment) -> None:
    made.inputs[0].touch()
    assert made.is_made


def test_changed_lock_file_is_brought_up_to_date(made: Environment) -> None:
    made.inputs[0].write_text("two==2\n")
    assert not made.is_made
    assert made.reason_to_remake() is None


def _moved(made: Environment) -> Environment:
    return replace(made, folder=made.folder.rename(made.folder.with_name(".venv-moved")))


def _without_interpreter(made: Environment) -> Environment:
    (made.folder / "bin" / "python").unlink()
    (made.folder / "bin" / "python").symlink_to("/nonexistent/python3")
    return made


def _begun(made: Environment) -> Environment:
    made.begin()
    return made


def _with_stamp(text: str) -> Callable[[Environment], Environment]:
    def change(made: Environment) -> Environment:
        (made.folder / ".ready").write_text(text)
        return made

    return change


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_begun, "it was not finished"),
        (_with_stamp(""), "it was not finished"),  # as `touch` leaves it
        (_with_stamp("[1]"), "it was not finished"),
        (_with_stamp('{"folder": '), "it was not finished"),
        (_moved, "it was made in "),
        (lambda made: replace(made, python="3.12.1"), "it was made with Python 3.1"),
        (_without_interpreter, "its Python interpreter is missing"),
    ],
)
def test_environment_is_made_again(
    made: Environment, change: Callable[[Environment], Environment], reason: str
) -> None:
    changed = change(made)
    assert not changed.is_made
    assert str(changed.reason_to_remake()).startswith(reason)


def test_file_in_place_of_the_folder_is_made_again(made: Environment, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert replace(made, folder=tmp_path / "file").reason_to_remake() == "it was not finished"


def test_nothing_there_is_no_reason_to_speak_of(made: Environment, tmp_path: Path) -> None:
    missing = replace(made, folder=tmp_path / "missing")
    assert not missing.is_made
    assert missing.reason_to_remake() == ""
