"""The janitor of the ComfyUI image deletes only files that are listed and old."""

import json
import os
from pathlib import Path
from typing import Final

import pytest
from janitor import FOLDERS, LEAST_AGE_S, Janitor

NOW_S: Final = 1_000_000.0
OLD_S: Final = NOW_S - LEAST_AGE_S


class Pod:
    """The server's folders and the agent's list."""

    def __init__(self, folder: Path) -> None:
        self.scratch, self._list = folder / "scratch", folder / "finished-files"
        for name in FOLDERS:
            (self.scratch / name).mkdir(parents=True)
        self.janitor = Janitor(self.scratch, self._list)

    def save(self, path: str, at_s: float = OLD_S) -> Path:
        file = self.scratch / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x")
        os.utime(file, (at_s, at_s))
        return file

    def list(self, *entries: object) -> None:
        """Replace the list, as the agent does. A string is a raw line."""
        lines = (entry if isinstance(entry, str) else json.dumps(entry) for entry in entries)
        replacement = self._list.with_suffix(".new")
        replacement.write_text("".join(f"{line}\n" for line in lines))
        replacement.replace(self._list)


@pytest.fixture
def pod(tmp_path: Path) -> Pod:
    return Pod(tmp_path)


@pytest.mark.parametrize("kind", FOLDERS)
def test_listed_files_are_deleted_once_they_are_old(pod: Pod, kind: str) -> None:
    file = pod.save(f"{kind}/sub/deeper/a.png", at_s=OLD_S + 1)
    pod.list([kind, "sub/deeper", "a.png"])
    assert pod.janitor.sweep(NOW_S) == 0
    assert file.exists()
    assert pod.janitor.sweep(NOW_S + 1) == 1
    assert not file.exists()


def test_files_that_are_not_listed_stay(pod: Pod) -> None:
    kept = pod.save("output/b.png")
    pod.list(["output", "", "a.png"], ["temp", "", "b.png"])
    assert pod.janitor.sweep(NOW_S) == 0
    assert kept.exists()


def test_nothing_is_listed_before_the_first_graph(pod: Pod) -> None:
    assert pod.janitor.sweep(NOW_S) == 0


@pytest.mark.parametrize(
    "entry",
    [
        ["output", "..", "outside.png"],
        ["output", "sub/../..", "outside.png"],
        ["output", "", "../outside.png"],
        ["output", "/", "outside.png"],
        ["output", "//", "outside.png"],
        ["..", "scratch", "outside.png"],
        ["user", "", "outside.png"],
        ["output", "link", "outside.png"],
        ["output", "", "link.png"],
        ["output", "", "sub"],
        ["output", "", ""],
        ["output", "sub", "."],
        ["output", "", ".."],
    ],
    ids=str,
)
def test_nothing_outside_and_no_folder_is_deleted(pod: Pod, entry: list[str]) -> None:
    for place in ("outside.png", "user/outside.png"):
        pod.save(place)
    absolute = pod.save("output/sub/inside.png")
    (pod.scratch / "output" / "link").symlink_to(pod.scratch)
    (pod.scratch / "output" / "link.png").symlink_to(pod.scratch / "outside.png")
    for link in ("link", "link.png"):
        os.utime(pod.scratch / "output" / link, (OLD_S, OLD_S), follow_symlinks=False)
    before = sorted(pod.scratch.rglob("*"))
    pod.list(entry, ["output", str(absolute.parent), "inside.png"], ["output", "", str(absolute)])
    pod.janitor.sweep(NOW_S)
    pod.janitor.sweep(NOW_S + 10 * LEAST_AGE_S)
    assert sorted(pod.scratch.rglob("*")) == before


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{",
        "null",
        "[]",
        '["output", "a.png"]',
        '["output", "", 1]',
        '["output", null, "a.png"]',
        '["output", "", "a\\u0000.png"]',
        '["output", "\\ud800", "\\udfff.png"]',
        '["output", "", "' + "x" * 5000 + '"]',
        "[" * 200_000,
    ],
    ids=lambda line: line[:30],
)
def test_line_that_cannot_be_used_keeps_nothing_from_being_deleted(pod: Pod, line: str) -> None:
    pod.save("output/good.png")
    pod.list(line, ["output", "", "good.png"])
    assert pod.janitor.sweep(NOW_S) == 1


def test_bytes_that_are_not_text_keep_nothing_from_being_deleted(pod: Pod, tmp_path: Path) -> None:
    pod.save("output/good.png")
    (tmp_path / "finished-files").write_bytes(b'["output", "", "\xff"]\n["output", "", "good.png"]\n')
    assert pod.janitor.sweep(NOW_S) == 1


def test_empty_folders_are_deleted_once_nothing_was_put_into_them_for_as_long(pod: Pod) -> None:
    pod.save("output/sub/deeper/a.png")
    pod.list(["output", "sub/deeper", "a.png"])
    now_s = (pod.scratch / "output").stat().st_mtime
    pod.janitor.sweep(now_s)
    assert (pod.scratch / "output" / "sub" / "deeper").exists()  # the server may be about to write into it
    pod.janitor.sweep(now_s + 2 * LEAST_AGE_S)
    pod.janitor.sweep(now_s + 4 * LEAST_AGE_S)
    assert {folder.name for folder in pod.scratch.iterdir()} == set(FOLDERS)
    assert list((pod.scratch / "output").iterdir()) == []


def test_folder_that_something_was_put_into_stays(pod: Pod) -> None:
    pod.save("output/sub/a.png")
    pod.list(["output", "sub", "a.png"])
    pod.janitor.sweep(NOW_S)
    kept = pod.save("output/sub/b.png")
    pod.janitor.sweep((pod.scratch / "output").stat().st_mtime + 2 * LEAST_AGE_S)
    assert kept.exists()


@pytest.mark.parametrize("tasks", [60, pytest.param(2500, marks=pytest.mark.soak)])
def test_files_on_disk_do_not_grow_with_the_number_of_tasks(pod: Pod, tasks: int) -> None:
    task_s = 2 * LEAST_AGE_S / tasks  # so that the files of half of the tasks are too new
    listed: list[list[str]] = []

    def size_after(first: int) -> int:
        for number in range(first, first + tasks):
            at_s = NOW_S + number * task_s
            pod.save(f"output/{number}.png", at_s)
            pod.save(f"temp/sub/{number}.png", at_s)
            if number > 1:
                listed.extend([["output", "", f"{number - 2}.png"], ["temp", "sub", f"{number - 2}.png"]])
            if (number + 1) % (tasks // 20) == 0:
                pod.list(*listed)
                pod.janitor.sweep(at_s)
        return sum(file.stat().st_size for file in pod.scratch.rglob("*") if file.is_file())

    half = size_after(0)
    assert size_after(tasks) <= 1.05 * half
