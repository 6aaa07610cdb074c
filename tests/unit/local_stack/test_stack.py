"""The local stack as a whole: what a killed run left does not pile up."""

import os
import tempfile
from pathlib import Path

import pytest

from local_stack.stack import _remove_folders_of_dead_runs


def test_folders_of_dead_runs_are_removed_and_those_of_living_ones_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    dead, alive, other = (
        tmp_path / "sd-on-eks-local-4194999-abc",
        tmp_path / f"sd-on-eks-local-{os.getpid()}-abc",
        tmp_path / "something-else",
    )
    for folder in (dead, alive, other):
        folder.mkdir()
    _remove_folders_of_dead_runs()
    assert (dead.exists(), alive.exists(), other.exists()) == (False, True, True)
