#!/usr/bin/env python3
"""Run the unit tests on every other Python from 3.11 on that this machine has.

    .venv/bin/python scripts/test_pythons.py

`make test` runs everything on one Python. Here are those tests that another Python can turn red: of the code that runs
in Lambda and in the agents' image, of the configuration, the scripts, set-up and the local stack's parts. What needs
synthesis or the whole emulator is left out, and so are the long searches (see TESTS).

Each Python, found as `python3.N` on PATH or below pyenv's root, gets a virtual environment in .venv-3.N. What is not
found is named, Lambda's 3.14 above all. Exit status: 0 if all passed, 1 if tests failed or an environment could not
be made, 130 after Ctrl-C.
"""

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
OLDEST: Final = 11
LAMBDA: Final = 14
"""The minor version that the functions run on in AWS."""

TESTS: Final = [
    "tests/unit",
    # Searches for wrong rules, and two fifths of the time: another Python searches no better.
    "--ignore=tests/unit/config/test_reference.py",
    "--ignore=tests/unit/queue_agent/test_faults.py",
    "--ignore=tests/unit/queue_agent/test_outages.py",
    "--ignore=tests/unit/task_api/test_contract_requests.py",
    "--ignore=tests/unit/task_api/test_contract_validator.py",
    "--ignore=tests/unit/task_record/test_histories.py",
    "--ignore=tests/unit/task_record/test_state_machine.py",
    "--ignore=tests/unit/task_record/test_transitions.py",
]
_OPTIONS: Final = ["-m", "not soak", "--numprocesses", "2", "--dist", "loadgroup", "-p", "no:cacheprovider", "--quiet"]
_FAILURE: Final = 1
_INTERRUPTED: Final = 130
_PRINT_VERSION: Final = "import sys; print('%d.%d.%d' % sys.version_info[:3])"


def find_pythons(environment: Mapping[str, str]) -> dict[int, Path]:
    """Find the Pythons of this machine.

    A shim that refuses to run, because its version manager has another version active, does not count; what it stands
    for is found below pyenv's root.

    Args:
        environment: PATH, and PYENV_ROOT where there is one.

    Returns:
        Minor version -> program, from 3.11 on, in order.
    """
    folders = [Path(folder) for folder in environment["PATH"].split(os.pathsep) if folder]
    pyenv = environment.get("PYENV_ROOT") or Path(environment.get("HOME", "/")) / ".pyenv"
    folders += sorted(Path(pyenv).glob("versions/*/bin"))
    found: dict[int, Path] = {}
    for folder in folders:
        for program in sorted(folder.glob("python3.*")):
            minor = re.fullmatch(r"python3\.(\d+)", program.name)
            if minor is not None and int(minor[1]) >= OLDEST and int(minor[1]) not in found and _runs(program):
                found[int(minor[1])] = program
    return dict(sorted(found.items()))


def _runs(program: Path) -> bool:
    try:
        subprocess.run([program, "-c", _PRINT_VERSION], check=True, capture_output=True)  # noqa: S603 (as PATH has it)
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def report(pythons: Mapping[int, Path], done: int) -> list[str]:
    """Say which Pythons are tested, and which are not.

    Args:
        pythons: what was found (see `find_pythons`).
        done: minor version that `make test` runs on.

    Returns:
        One sentence each.
    """
    sentences = []
    for minor in range(OLDEST, max([LAMBDA, *pythons]) + 1):
        if minor == done:
            sentences.append(f"Python 3.{minor} is the one of .venv: `make test` runs everything on it")
        elif minor in pythons:
            sentences.append(f"Python 3.{minor} is {pythons[minor]}: the unit tests run on it")
        else:
            remark = ", which the functions run on in AWS," if minor == LAMBDA else ""
            sentences.append(f"Python 3.{minor}{remark} is not on this machine: nothing is tested on it")
    return sentences


def passes_on(minor: int, python: Path) -> bool:
    """Run the tests on one Python.

    Returns:
        Whether they passed.
    """
    folder = ROOT / f".venv-3.{minor}"
    uv = ROOT / ".venv" / "bin" / "uv"
    own_python = folder / "bin" / "python"
    install: list[str | Path] = [uv, "pip", "install", "--quiet", "--python", own_python]
    commands: list[list[str | Path]] = [
        [uv, "venv", "--quiet", "--clear", "--python", python, folder],
        [uv, "pip", "sync", "--quiet", "--require-hashes", "--python", own_python, ROOT / "requirements" / "dev.txt"],
        [*install, "--no-deps", "--no-build-isolation", "--editable", "."],
        [own_python, "-m", "pytest", *_OPTIONS, *TESTS],
    ]
    # Without bytecode every process of the tests would compile for itself.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    # The first that fails is the last: a generator.
    return all(subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode == 0 for command in commands)  # noqa: S603 (our own)


def main() -> int:
    """Run the tests on every other Python.

    Returns:
        Exit status: 0 if all passed; 1 if not; 130 after Ctrl-C.
    """
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    pythons = find_pythons(os.environ)
    done = sys.version_info.minor
    for sentence in report(pythons, done):
        print(sentence, flush=True)
    failed = []
    try:
        for minor, python in pythons.items():
            if minor == done:
                continue
            print(f"Python 3.{minor}: {' '.join(TESTS)}", flush=True)
            if not passes_on(minor, python):
                failed.append(f"3.{minor}")
    except KeyboardInterrupt:
        return _INTERRUPTED
    if failed:
        print(f"failed on Python {', '.join(failed)}", file=sys.stderr)
        return _FAILURE
    return 0


if __name__ == "__main__":
    sys.exit(main())
