"""Staging: the hash of an asset depends only on its content."""

import os
import shutil
import sys
from importlib import metadata
from pathlib import Path

import pytest

from sd_on_eks.lambda_function.staging import StagingError, content_hash, staged

ROOT = Path(__file__).parents[3]
HANDLER = Path("constructs/sd_on_eks/task_api/handler")


def hash_of(root: Path) -> str:
    folders = {"handler": root / HANDLER, "task_record": root / "constructs/task_record"}
    with staged(folders=folders, distributions=["aws-lambda-powertools"]) as folder:
        return content_hash(folder)


def test_two_places_give_the_same_hash(tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    for part in (HANDLER, Path("constructs/task_record")):
        shutil.copytree(ROOT / part, copy / part)
    for file in copy.rglob("*.py"):
        os.utime(file, (1, 1))
        file.chmod(0o600)
    (copy / HANDLER / "__pycache__").mkdir(exist_ok=True)
    (copy / HANDLER / "__pycache__" / "app.cpython-311.pyc").write_bytes(b"x")
    assert hash_of(copy) == hash_of(ROOT)


def test_a_changed_source_gives_another_hash(tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    for part in (HANDLER, Path("constructs/task_record")):
        shutil.copytree(ROOT / part, copy / part)
    with (copy / "constructs/task_record/status.py").open("a") as file:
        file.write("\n")
    assert hash_of(copy) != hash_of(ROOT)


def test_a_renamed_file_gives_another_hash(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a" / "one.py").write_text("x")
    (tmp_path / "b" / "two.py").write_text("x")
    assert content_hash(tmp_path / "a") != content_hash(tmp_path / "b")


def test_an_asset_contains_the_requirements_of_its_distributions_and_no_installation_metadata() -> None:
    with staged(folders={}, distributions=["aws-lambda-powertools"]) as folder:
        names = {path.name for path in folder.iterdir()}
        files = [path.name for path in folder.rglob("*")]
    assert names == {"aws_lambda_powertools", "jmespath", "typing_extensions.py"}
    assert not any(name.endswith(".pyc") or name in {"RECORD", "INSTALLER"} for name in files)


def test_temporary_folder_is_deleted() -> None:
    with staged(folders={"x": ROOT / HANDLER}) as folder:
        assert folder.is_dir()
    assert not folder.exists()


def test_fails_when_a_distribution_is_compiled() -> None:
    with pytest.raises(
        StagingError, match="pydantic_core: must be pure Python to be part of a Lambda asset, got the compiled file "
    ):
        with staged(folders={}, distributions=["pydantic-core"]):
            pass


def test_fails_when_a_distribution_is_missing() -> None:
    with pytest.raises(StagingError, match="nonesuch is not installed in the app's environment: run `make setup`"):
        with staged(folders={}, distributions=["nonesuch"]):
            pass


def test_fails_when_a_folder_is_missing(tmp_path: Path) -> None:
    with pytest.raises(StagingError, match="must be a folder, to be copied to handler in an asset"):
        with staged(folders={"handler": tmp_path / "none"}):
            pass


def test_agents_dependencies_are_those_that_the_tests_run_with() -> None:
    locked = (ROOT / "runtime_images/queue_agent/requirements.txt").read_text()
    pins = [line.split(" ")[0] for line in locked.splitlines() if "==" in line and not line.startswith(" ")]
    assert pins
    for pin in pins:
        name, _, version = pin.partition("==")
        assert metadata.version(name) == version, f"run `make lock`: {pin} on Python {sys.version_info}"
