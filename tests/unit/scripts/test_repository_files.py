"""The files of the repository, with git and without it."""

from pathlib import Path

import pytest

from repository_files import ROOT, repository_files


def test_the_repository_has_its_sources_and_nothing_that_is_installed() -> None:
    files = repository_files()
    assert {"app.py", ".ci/run", "scripts/repository_files.py"} <= set(files)
    assert [file for file in files if file.startswith((".venv", "node_modules", ".git/"))] == []


def test_without_git_the_same_files_are_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with_git = repository_files()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert repository_files(ROOT) == with_git
