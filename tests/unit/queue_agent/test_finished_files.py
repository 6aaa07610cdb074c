"""The list for the janitor: only files that no cached workflow names again."""

import asyncio
import json
from pathlib import Path

import pytest

from queue_agent.runtimes.comfyui.finished_files import FinishedFiles
from queue_agent.runtimes.comfyui.ui_values import Place
from tests.unit.queue_agent.conftest import virtual_time

pytestmark = [pytest.mark.asyncio, virtual_time]


def place(name: str, folder: str = "output") -> Place:
    return Place(folder, "a/b", name)


def listed(path: Path) -> list[str]:
    """Names on the list."""
    return [json.loads(line)[2] for line in path.read_text().splitlines()]


def size(path: Path) -> int:
    return path.stat().st_size


def content(path: Path) -> bytes:
    return path.read_bytes()


def previous(path: Path, text: str) -> None:
    path.write_text(text)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "finished-files"


@pytest.fixture
def files(path: Path, monkeypatch: pytest.MonkeyPatch) -> FinishedFiles:
    monkeypatch.setattr("queue_agent.runtimes.comfyui.finished_files._WRITE_INTERVAL_S", 0)
    return FinishedFiles(path)


async def test_files_are_listed_when_two_more_workflows_have_ended(files: FinishedFiles, path: Path) -> None:
    for number in range(4):
        files.workflow_ended([place(f"{number}.png")])
    assert listed(path) == ["0.png", "1.png"]


async def test_files_that_a_cached_workflow_names_again_stay(files: FinishedFiles, path: Path) -> None:
    for name in ("same", "same", "other"):
        files.workflow_ended([place(name)])
    assert listed(path) == []


async def test_a_name_that_the_server_gives_again_leaves_the_list_at_once(
    files: FinishedFiles, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("x_00001_.png", "y", "z"):
        files.workflow_ended([place(name)])
    monkeypatch.setattr("queue_agent.runtimes.comfyui.finished_files._WRITE_INTERVAL_S", 1e9)
    assert listed(path) == ["x_00001_.png"]
    files.workflow_ended([place("x_00001_.png")])
    assert listed(path) == []


async def test_a_file_that_is_written_again_leaves_the_list_before_its_workflow_ends(
    files: FinishedFiles, path: Path
) -> None:
    files.unneeded([place("x"), place("y")])
    files.shown({"9": {"images": [{"filename": name, "subfolder": "a/b", "type": "output"} for name in "xz"]}})
    assert listed(path) == ["y"]


async def test_a_line_is_a_folder_a_subfolder_and_a_name(files: FinishedFiles, path: Path) -> None:
    files.unneeded([place("x y.png", "temp"), Place("output", "", "\n\ud800.png")])
    assert content(path).splitlines() == [b'["temp","a/b","x y.png"]', b'["output", "", "\\n\\ud800.png"]']


async def test_inputs_are_listed_at_once(files: FinishedFiles, path: Path) -> None:
    files.unneeded([place("cat.png", "input")])
    assert listed(path) == ["cat.png"]


@pytest.mark.parametrize(
    "odd",
    [
        Place("output", "..", "x"),
        Place("output", "/etc", "passwd"),
        Place("output", "", "../x"),
        Place("models", "", "x"),
    ],
)
async def test_nothing_outside_of_the_servers_folders_is_ever_listed(
    files: FinishedFiles, path: Path, odd: Place
) -> None:
    files.unneeded([odd])
    for _ in range(3):
        files.workflow_ended([odd])
    assert listed(path) == []


async def test_entries_of_an_hour_ago_are_dropped(files: FinishedFiles, path: Path) -> None:
    files.unneeded([place("old")])
    await asyncio.sleep(3601)
    files.unneeded([place("new")])
    assert listed(path) == ["new"]


async def test_the_list_is_bounded(files: FinishedFiles, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queue_agent.runtimes.comfyui.finished_files._MAX_BYTES", 100)
    files.unneeded(place(f"{number}") for number in range(50))
    assert listed(path) == ["46", "47", "48", "49"]
    assert size(path) <= 100


async def test_the_list_is_not_written_for_every_task(path: Path) -> None:
    files = FinishedFiles(path)
    files.unneeded([place("1")])
    files.unneeded([place("2")])
    assert listed(path) == ["1"]
    await asyncio.sleep(31)
    files.unneeded([place("3")])
    assert listed(path) == ["1", "2", "3"]


@pytest.mark.parametrize("odd", ["", '{"of": "another version"}\n', "no JSON\n", "5\n"])
async def test_the_list_of_a_previous_process_is_kept(files: FinishedFiles, path: Path, odd: str) -> None:
    previous(path, '["output","a/b","old.png"]\n' + odd)
    files.unneeded([place("new.png")])
    assert listed(path) == ["old.png", "new.png"]


async def test_a_folder_that_is_not_writable_fails_no_task(tmp_path: Path) -> None:
    FinishedFiles(tmp_path / "absent" / "list").unneeded([place("x")])


async def test_no_list_is_kept_without_a_janitor() -> None:
    files = FinishedFiles(None)
    for _ in range(5):
        files.workflow_ended([place("x")])
    assert not files._recent
