"""scripts/test_pythons.py: which Pythons it finds, and what it says of the others."""

from pathlib import Path

import test_pythons


def program(folder: Path, name: str, status: int = 0) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\nexit {status}\n")
    file.chmod(0o755)
    return file


def test_pythons_from_3_11_on_are_found_in_the_order_of_path(tmp_path: Path) -> None:
    first = program(tmp_path / "a", "python3.12")
    program(tmp_path / "b", "python3.12")
    newer = program(tmp_path / "b", "python3.13")
    for name in ("python3", "python3.10", "python3.12-config", "python3.13t", "python2.7"):
        program(tmp_path / "a", name)
    found = test_pythons.find_pythons({"PATH": f"{tmp_path}/a:{tmp_path}/b:{tmp_path}/none:", "HOME": "/nonexistent"})
    assert found == {12: first, 13: newer}


def test_shim_that_refuses_gives_way_to_what_it_stands_for(tmp_path: Path) -> None:
    program(tmp_path / "shims", "python3.12", 127)
    real = program(tmp_path / "versions" / "3.12.1" / "bin", "python3.12")
    assert test_pythons.find_pythons({"PATH": f"{tmp_path}/shims", "HOME": "/nonexistent"}) == {}
    assert test_pythons.find_pythons({"PATH": f"{tmp_path}/shims", "PYENV_ROOT": str(tmp_path)}) == {12: real}


def test_each_python_is_said_to_be_tested_or_not() -> None:
    assert test_pythons.report({12: Path("/usr/bin/python3.12"), 15: Path("/opt/python3.15")}, done=11) == [
        "Python 3.11 is the one of .venv: `make test` runs everything on it",
        "Python 3.12 is /usr/bin/python3.12: the unit tests run on it",
        "Python 3.13 is not on this machine: nothing is tested on it",
        "Python 3.14, which the functions run on in AWS, is not on this machine: nothing is tested on it",
        "Python 3.15 is /opt/python3.15: the unit tests run on it",
    ]
